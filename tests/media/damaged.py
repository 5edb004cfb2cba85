"""Files as damage leaves them, drawn from one good video, each with the verdict that it deserves."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video

GOOD, DAMAGED = "good", "damaged"
Bytes = dict[str, bytes]
"""The good video in every container, by suffix; ``.front.mp4`` has its index in front."""


def draw_corpus(folder: Path, count: int, seed: int = 0, source: Path | None = None) -> dict[str, str]:
    """Write ``count`` files into ``folder``, every kind in turn.

    Args:
        folder: Where to; it is made.
        count: How many files; `len(KINDS)` has every kind once.
        seed: Of the random places.
        source: A video of at least 2.4 s in H.264 and AAC; default: a drawn one.

    Returns:
        ``good`` or ``damaged`` by name of file. ``damaged`` is also what cannot be used: no sound, a web page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    good = _good(folder, source)
    expected = {}
    for number in range(count):
        name, draw, verdict = KINDS[number % len(KINDS)]
        file = f"{number:03d}_{name}"
        (folder / file).write_bytes(draw(good, np.random.default_rng([seed, number])))
        expected[file] = verdict
    return expected


def draw_video(path: Path, seconds: float = 3.0, sound: float = 3.0, **how: object) -> None:
    """A textured picture that moves, and a voice-like buzz: what every byte of a payload matters to."""
    rng = np.random.default_rng(0)
    wall = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    pictures = [wall[k % 64 : k % 64 + 96, 2 * k % 128 : 2 * k % 128 + 96] for k in range(round(seconds * 25))]
    time = np.arange(round(sound * 16_000)) / 16_000
    buzz = 0.3 * np.sin(2 * np.pi * 150 * time + 3 * np.sin(5 * time)) + 0.02 * rng.standard_normal(len(time))
    write_video(path, pictures, buzz.astype(np.float32) if sound else None, **how)  # type: ignore[arg-type]


def remux(source: Path, target: Path, keep: tuple[str, ...] = ("video", "audio"), most: dict | None = None, **options):
    """Copy streams packet by packet, ``most`` seconds of a kind at most; ``options`` are the muxer's."""
    with av.open(str(source)) as given, av.open(str(target), "w", container_options=options) as written:
        streams = {s.index: written.add_stream_from_template(s) for s in given.streams if s.type in keep}
        for packet in given.demux([s for s in given.streams if s.index in streams]):
            if packet.dts is not None and packet.pts * packet.time_base < (most or {}).get(packet.stream.type, 1e9):
                packet.stream = streams[packet.stream.index]
                written.mux(packet)


def _good(folder: Path, source: Path | None) -> Bytes:
    drawn, made = folder / ".source.mp4", folder / ".made"
    if source is None:
        draw_video(drawn)
    else:  # H.264 and AAC, as such files mostly hold
        write_video(drawn, (picture for _, picture in read_frames(source)), read_audio(source))

    def bytes_of(suffix: str, **how: object) -> bytes:
        path = made.with_suffix(suffix)
        if suffix == ".avi":  # wants H.264 in another form: MPEG-4 and PCM instead
            write_video(path, (picture for _, picture in read_frames(drawn)), read_audio(drawn))
        else:
            remux(drawn, path, **how)  # type: ignore[arg-type]
        data = path.read_bytes()
        path.unlink()
        return data

    good = {suffix: bytes_of(suffix) for suffix in (".mp4", ".mkv", ".ts", ".avi")}
    good[".front.mp4"] = bytes_of(".mp4", movflags="faststart")
    good[".live.mkv"] = bytes_of(".mkv", live="1")
    good[".pieces.mp4"] = bytes_of(".mp4", movflags="frag_keyframe+empty_moov")
    good[".silent.mp4"] = bytes_of(".mp4", keep=("video",))
    good[".blind.mp4"] = bytes_of(".mp4", keep=("audio",))
    good[".still.mp4"] = bytes_of(".mp4", most={"video": 0.01})
    good[".hushed.mkv"] = bytes_of(".mkv", most={"audio": 1.0})
    good[".uneven.mkv"] = bytes_of(".mkv", most={"audio": 2.7})
    drawn.unlink(missing_ok=True)
    return good


def _whole(suffix: str) -> Callable[[Bytes, np.random.Generator], bytes]:
    return lambda good, rng: good[suffix]


def _cut(suffix: str) -> Callable[[Bytes, np.random.Generator], bytes]:
    def draw(good: Bytes, rng: np.random.Generator) -> bytes:
        length = int(len(good[suffix]) * rng.uniform(0.05, 0.97))
        # a transport stream that ends between two packets is a whole, shorter one
        return good[suffix][: length + (suffix == ".ts" and length % 188 == 0)]

    return draw


def _zeroed(suffix: str) -> Callable[[Bytes, np.random.Generator], bytes]:
    """A tenth of the file is zeros: a hole in a download."""

    def draw(good: Bytes, rng: np.random.Generator) -> bytes:
        data = bytearray(good[suffix])
        start, length = int(len(data) * rng.uniform(0.2, 0.8)), len(data) // 10
        data[start : start + length] = bytes(length)
        return bytes(data)

    return draw


def _flipped(suffix: str, low: float = 0.1, high: float = 0.9, share: float = 0.005) -> Callable:
    """Random bytes in a part of the file."""

    def draw(good: Bytes, rng: np.random.Generator) -> bytes:
        data = bytearray(good[suffix])
        places = rng.integers(int(low * len(data)), int(high * len(data)), max(40, int(share * len(data))))
        for place in places:
            data[place] ^= int(rng.integers(1, 256))
        return bytes(data)

    return draw


def _scrambled(suffix: str) -> Callable[[Bytes, np.random.Generator], bytes]:
    """The header is noise."""
    return lambda good, rng: rng.bytes(400) + good[suffix][400:]


def _claims_four_hours(suffix: str) -> Callable[[Bytes, np.random.Generator], bytes]:
    def draw(good: Bytes, rng: np.random.Generator) -> bytes:
        data = bytearray(good[suffix])
        if suffix == ".mkv":
            place = data.index(b"\x44\x89\x88") + 3
            data[place : place + 8] = struct.pack(">d", 4 * 3600e3)
            return bytes(data).replace(b"00:00:0", b"04:00:0")
        if suffix == ".avi":
            for kind, rate in ((b"vids", 25), (b"auds", 16_000)):
                place = data.index(kind) + 32
                data[place : place + 4] = struct.pack("<I", 4 * 3600 * rate)
            return bytes(data)
        for box, ahead in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 24)):
            place = data.find(box)
            while place > 0:
                scale = 1000 if box != b"mdhd" else struct.unpack(">I", data[place + 16 : place + 20])[0]
                data[place + 4 + ahead : place + 8 + ahead] = struct.pack(">I", 4 * 3600 * scale)
                place = data.find(box, place + 4)
        return bytes(data)

    return draw


def _zip(good: Bytes, rng: np.random.Generator) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("talk.mp4", good[".mp4"])
    return packed.getvalue()


def _png(good: Bytes, rng: np.random.Generator) -> bytes:
    packed = io.BytesIO()
    with av.open(packed, "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        picture = av.VideoFrame.from_ndarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), format="rgb24")
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return packed.getvalue()


_PAGE = b"<!DOCTYPE html><html><head><title>404</title></head><body>" + b"<p>Not found</p>" * 900

KINDS: list[tuple[str, Callable[[Bytes, np.random.Generator], bytes], str]] = [
    ("whole.mp4", _whole(".mp4"), GOOD),
    ("whole_index_in_front.mp4", _whole(".front.mp4"), GOOD),
    ("whole_in_pieces.mp4", _whole(".pieces.mp4"), GOOD),
    ("whole.mkv", _whole(".mkv"), GOOD),
    ("whole.ts", _whole(".ts"), GOOD),
    ("whole.avi", _whole(".avi"), GOOD),
    ("whole_live.mkv", _whole(".live.mkv"), GOOD),
    ("whole_mkv_named.mp4", _whole(".mkv"), GOOD),
    ("sound_a_little_shorter.mkv", _whole(".uneven.mkv"), GOOD),
    ("cut.mp4", _cut(".mp4"), DAMAGED),
    ("cut_index_in_front.mp4", _cut(".front.mp4"), DAMAGED),
    ("cut_in_pieces.mp4", _cut(".pieces.mp4"), DAMAGED),
    ("cut.mkv", _cut(".mkv"), DAMAGED),
    ("cut.ts", _cut(".ts"), DAMAGED),
    ("cut.avi", _cut(".avi"), DAMAGED),
    ("zeroed.mp4", _zeroed(".front.mp4"), DAMAGED),
    ("zeroed.mkv", _zeroed(".mkv"), DAMAGED),
    ("zeroed.ts", _zeroed(".ts"), DAMAGED),
    ("zeroed.avi", _zeroed(".avi"), DAMAGED),
    ("flipped.mp4", _flipped(".front.mp4"), DAMAGED),
    ("flipped.mkv", _flipped(".mkv"), DAMAGED),
    ("flipped.ts", _flipped(".ts"), DAMAGED),
    ("flipped.avi", _flipped(".avi"), DAMAGED),
    ("header.mp4", _scrambled(".front.mp4"), DAMAGED),
    ("header.mkv", _scrambled(".mkv"), DAMAGED),
    ("header.avi", _scrambled(".avi"), DAMAGED),
    ("four_hours.mp4", _claims_four_hours(".front.mp4"), DAMAGED),
    ("four_hours.mkv", _claims_four_hours(".mkv"), DAMAGED),
    ("four_hours.avi", _claims_four_hours(".avi"), DAMAGED),
    ("page.mp4", lambda good, rng: _PAGE, DAMAGED),
    ("archive.mp4", _zip, DAMAGED),
    ("picture.mp4", _png, DAMAGED),
    ("empty.mp4", lambda good, rng: b"", DAMAGED),
    ("noise.mp4", lambda good, rng: rng.bytes(5000), DAMAGED),
    ("no_sound.mp4", _whole(".silent.mp4"), DAMAGED),
    ("no_picture.mp4", _whole(".blind.mp4"), DAMAGED),
    ("one_picture.mp4", _whole(".still.mp4"), DAMAGED),
    ("sound_much_shorter.mkv", _whole(".hushed.mkv"), DAMAGED),
]
