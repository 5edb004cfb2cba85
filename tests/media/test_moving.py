"""Sound that is moved: by timestamps or in its samples, with all that is beside it, whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from flash_click import draw, draw_as_cameras_do, lag

from avsync.errors import MediaError
from avsync.media.atomic import whole_file
from avsync.media.placement import Stretch
from avsync.media.remux import shift_audio
from avsync.media.rewrite import rewrite_audio
from avsync.media.sound import read_audio
from avsync.media.write import write_video

MS = Fraction(1, 1000)
TIMECODE = "01:02:03:04"


def rich(path: Path) -> Path:
    """A file with two languages, a subtitle, chapters, tags, a timecode and, in Matroska, an attachment."""
    plain = path.with_name(f"plain{path.suffix}")
    draw(plain, audio_codec="aac", rate=48_000)
    subtitle, text = ("mov_text", b"\0\5Hello") if path.suffix == ".mp4" else ("subrip", b"Hello")
    with av.open(str(plain)) as given, av.open(str(path), "w") as written:
        written.metadata.update({"title": "Tëst", "comment": "of all streams"})
        copies = {stream.index: [written.add_stream_from_template(stream)] for stream in given.streams}
        copies[given.streams.video[0].index][0].metadata["timecode"] = TIMECODE  # MP4 makes a track of it
        second = written.add_stream_from_template(given.streams.audio[0])
        second.metadata["language"] = "deu"
        second.disposition = av.stream.Disposition.comment
        copies[given.streams.audio[0].index].append(second)
        words = written.add_mux_stream(subtitle)
        words.metadata["language"] = "fra"
        if path.suffix == ".mkv":
            written.add_attachment("font.txt", "text/plain", b"letters")
        chapters = [("One", 0, 1000), ("Two", 1000, 2000)]
        written.set_chapters(
            [{"id": k, "start": a, "end": b, "time_base": MS, "metadata": {"title": name}}
             for k, (name, a, b) in enumerate(chapters)]
        )  # fmt: skip
        for packet in given.demux():
            for copy in copies[packet.stream.index] if packet.dts is not None else ():
                written.mux(again(packet, copy))
        said = av.Packet(text)
        said.pts = said.dts = 500
        said.duration, said.time_base, said.stream = 700, MS, words
        written.mux(said)
    return path


def again(packet, stream):
    """A packet's copy for another stream."""
    copy = av.Packet(bytes(packet))
    copy.pts, copy.dts, copy.duration, copy.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    copy.is_keyframe, copy.stream = packet.is_keyframe, stream
    return copy


def inside(path: Path) -> dict:
    """What a file holds beside coded picture and sound."""
    with av.open(str(path)) as container:
        shown = [stream for stream in container.streams if stream.type != "data"]  # MP4's titles of chapters
        told = {
            "streams": [(stream.type, stream.metadata.get("language"), int(stream.disposition)) for stream in shown],
            "chapters": [chapter["metadata"]["title"] for chapter in container.chapters()],
            "tags": {key: container.metadata.get(key) for key in ("title", "comment")},
            "second chapter": float(container.chapters()[1]["start"] * container.chapters()[1]["time_base"]),
        }
        (told["timecode"],) = (v for k, v in container.streams.video[0].metadata.items() if k.lower() == "timecode")
        said = [p for p in container.demux(container.streams.subtitles) if p.size and b"Hello" in bytes(p)]
        told["said"] = float(said[0].pts * said[0].time_base)
        return told


@pytest.mark.parametrize("by", [0.3, -0.3])
@pytest.mark.parametrize("how", ["timestamps", "samples"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_everything_beside_the_sound_survives_and_stays_with_the_picture(tmp_path, suffix, how, by):
    source, target = rich(tmp_path / f"rich{suffix}"), tmp_path / f"out{suffix}"
    if how == "timestamps":
        assert shift_audio(source, target, by) == []
    else:
        assert rewrite_audio(source, target, [Stretch(0, by)]).left_out == []
    before, after = inside(source), inside(target)
    assert lag(target) - lag(source) == pytest.approx(by, abs=0.011)
    moved = after.pop("said") - before.pop("said")
    assert after.pop("second chapter") - before.pop("second chapter") == pytest.approx(moved, abs=0.03)
    assert moved == pytest.approx(-by if how == "timestamps" and by < 0 else 0, abs=0.03)
    assert before == after
    if suffix == ".mkv":
        with av.open(str(target)) as container:
            assert [s.metadata["filename"] for s in container.streams.attachments] == ["font.txt"]


def timecodes(path: Path) -> list[str]:
    """What every timecode track says."""
    with av.open(str(path)) as container:
        return [stream.metadata["timecode"] for stream in container.streams.data if "timecode" in stream.metadata]


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_the_timecode_track_of_a_camera_survives(tmp_path, suffix):
    draw(tmp_path / f"plain{suffix}", audio_codec="aac", rate=48_000)
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    with av.open(str(tmp_path / f"plain{suffix}")) as given, av.open(str(source), "w") as written:
        copies = [written.add_stream_from_template(stream) for stream in given.streams]
        copies[0].metadata["timecode"] = TIMECODE
        for packet in given.demux():
            if packet.dts is not None:
                written.mux(again(packet, copies[packet.stream.index]))
    assert timecodes(source) == [TIMECODE]
    assert shift_audio(source, target, 0.2) == [] and timecodes(target) == [TIMECODE]
    assert lag(target) - lag(source) == pytest.approx(0.2, abs=0.011)
    assert rewrite_audio(source, target, [Stretch(0, 0.2)]).left_out == [] and timecodes(target) == [TIMECODE]


def clicks(path: Path, stream: int) -> float:
    """Container time of the click in an audio stream."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=stream):
            loud = np.abs(frame.to_ndarray()[0]) > 0.2
            if loud.any():
                return float(frame.time) + int(loud.argmax()) / frame.sample_rate
    raise AssertionError("no click")


def test_both_languages_move_alike(tmp_path):
    source, target = rich(tmp_path / "rich.mkv"), tmp_path / "out.mkv"
    for move in (lambda: shift_audio(source, target, 0.2), lambda: rewrite_audio(source, target, [Stretch(0, 0.2)])):
        move()
        assert clicks(target, 0) == pytest.approx(clicks(target, 1), abs=0.003)


def test_what_a_container_cannot_hold_is_told(tmp_path):
    source = rich(tmp_path / "rich.mkv")
    left = shift_audio(source, tmp_path / "out.mp4", 0.1)
    assert len(left) == 2 and "subtitle" in left[0] and "attachment" in left[1]


def counted(path: Path) -> float:
    """Seconds from flash to click for a reader that counts frames and samples and knows no timestamps."""
    with av.open(str(path)) as container:
        light = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]
        rate = float(container.streams.video[0].average_rate)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(str(path)) as container:
        pieces = [p.to_ndarray()[0] for frame in container.decode(audio=0) for p in resampler.resample(frame)]
    return int(np.argmax(np.abs(np.concatenate(pieces)) > 0.2)) / 16_000 - int(np.argmax(light)) / rate


@pytest.mark.parametrize("by", [-0.3, 0.12, 0.0])
@pytest.mark.parametrize(
    ("suffix", "picture", "sound", "rate"),
    [(".mp4", "libx264", "aac", 48_000), (".mov", "libx264", "pcm_s16le", 44_100), (".mkv", "libx264", "flac", 44_100),
     (".mkv", "libx264", "libopus", 16_000), (".webm", "libvpx-vp9", "libopus", 48_000),
     (".ts", "libx264", "aac", 48_000), (".mts", "libx264", "aac", 48_000), (".m2t", "libx264", "mp2", 48_000),
     (".avi", "mpeg4", "libmp3lame", 44_100), (".avi", "mpeg4", "pcm_s16le", 16_000)],
)  # fmt: skip
def test_rewritten_sound_is_right_by_timestamps_and_by_counting(tmp_path, suffix, picture, sound, rate, by):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    draw(source, rate=rate, video_codec=picture, audio_codec=sound)
    (codec,) = rewrite_audio(source, target, [Stretch(0, by)]).codecs
    assert codec[0] == codec[1]
    assert lag(target) - lag(source) == pytest.approx(by, abs=0.004)
    assert counted(target) == pytest.approx(by, abs=0.004)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_pictures_that_depend_on_later_ones_keep_their_place(tmp_path, suffix):
    source, moved, again = (tmp_path / f"{name}{suffix}" for name in ("in", "moved", "rewritten"))
    draw_as_cameras_do(source, "libx264", "aac", options={"bf": "3"})
    for by in (0.2, -0.2):
        shift_audio(source, moved, by)
        rewrite_audio(source, again, [Stretch(0, by)])
        assert lag(moved) - lag(source) == pytest.approx(by, abs=0.011)
        assert lag(again) - lag(source) == pytest.approx(by, abs=0.011)


@pytest.mark.parametrize("target", [".mkv", ".mp4"])
@pytest.mark.parametrize("fps", [25.0, 30000 / 1001])
def test_decoding_times_that_matroska_does_not_keep_are_reckoned(tmp_path, fps, target):
    """The first pictures of a copy come without one where others depend on later ones."""
    groups = {"x264-params": "bframes=3:b-adapt=0:b-pyramid=normal"}
    source, copies = tmp_path / "in.mkv", [tmp_path / f"{name}{target}" for name in ("moved", "again", "rewritten")]
    draw_as_cameras_do(source, "libx264", "flac", fps=fps, options=groups)
    with av.open(str(source)) as container:
        packets = container.demux(container.streams.video[0])
        assert [next(packets).dts is None for _ in range(3)] == [True, True, False]
    shift_audio(source, copies[0], 0.1)
    shift_audio(copies[0], copies[1], 0.1)
    rewrite_audio(source, copies[2], [Stretch(0, 0.1)])
    for copy in copies:
        assert shown(copy) == pytest.approx(shown(source), abs=0.0011)
        assert lag(copy) - lag(source) == pytest.approx(0.2 if copy is copies[1] else 0.1, abs=0.011)


def shown(path: Path) -> list[float]:
    """When each picture is shown, s after the first."""
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    return [time - times[0] for time in times]


def test_a_start_time_becomes_silence_and_a_lead_is_cut(tmp_path):
    for early in (0.4, -0.4):
        draw(tmp_path / "in.mkv", audio_offset=-early)
        rewrite_audio(tmp_path / "in.mkv", tmp_path / "out.mkv", [Stretch(0, early)])
        assert counted(tmp_path / "out.mkv") == pytest.approx(0, abs=0.004)


@pytest.mark.parametrize("suffix", [".ts", ".mts", ".m2t", ".m2ts"])
def test_a_codec_that_cannot_be_written_is_replaced_and_told(tmp_path, suffix):
    draw(tmp_path / "in.mkv", audio_codec="flac", rate=48_000)
    target = tmp_path / f"out{suffix}"
    assert rewrite_audio(tmp_path / "in.mkv", target, [Stretch(0, 0.1)]).codecs == [("flac", "aac")]
    assert lag(target) - lag(tmp_path / "in.mkv") == pytest.approx(0.1, abs=0.011)


@pytest.mark.parametrize("by", [0.2, -0.2])
@pytest.mark.parametrize(
    ("suffix", "picture", "sound"),
    [(".mts", "libx264", "ac3"), (".m2ts", "libx264", "ac3"), (".3gp", "libx264", "aac"),
     (".wmv", "msmpeg4v3", "libmp3lame")],
)  # fmt: skip
def test_containers_of_cameras_and_phones_move_their_sound(tmp_path, suffix, picture, sound, by):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    draw(source, rate=48_000, video_codec=picture, audio_codec=sound)
    shift_audio(source, target, by)
    assert lag(target) - lag(source) == pytest.approx(by, abs=0.011)
    rewrite_audio(source, target, [Stretch(0, by)])
    assert lag(target) - lag(source) == pytest.approx(by, abs=0.011)


def test_writing_tells_how_far_it_is(tmp_path):
    draw(tmp_path / "in.mkv", seconds=12.0)
    for move in (shift_audio, lambda *given: rewrite_audio(*given[:2], [Stretch(0, 0.1)], given[3])):
        told: list[float] = []
        move(tmp_path / "in.mkv", tmp_path / "out.mkv", 0.1, told.append)
        assert len(told) >= 3 and told == sorted(told) and told[0] < 0.1 and 0.5 < told[-1] <= 1


def test_a_drift_is_stretched_away_without_harm_to_the_sound(tmp_path):
    """Clicks that come 1000 ppm too early, on a tone; stereo, whose right side is the left one upside down."""
    rate, slope, seconds = 16_000, 0.001, 30.0
    times = np.arange(round(seconds * rate)) / rate
    true = (times + 0.0) / (1 - slope)  # the sound heard at t belongs to the picture of t / (1 - slope)
    tone = 0.3 * np.sin(2 * np.pi * 440 * true).astype(np.float32)
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write_video(source, (np.zeros((16, 16, 3), np.uint8) for _ in range(round(seconds * 25))), tone)
    rewrite_audio(source, target, [Stretch(0.0, 0.0, slope)])
    heard = read_audio(target)
    right = 0.3 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / rate)
    inner = slice(rate, len(heard) - rate)
    assert len(heard) / rate == pytest.approx(seconds / (1 - slope), abs=0.01)
    assert np.abs(heard - right)[inner].max() < 0.002


def altered(source: Path, target: Path, change=lambda stream, copy, packet: None, further=lambda written: ()) -> Path:
    """A copy in which ``change`` sees every stream, with its copy and None, and every packet before it is written."""
    with av.open(str(source)) as given, av.open(str(target), "w") as written:
        copies = [written.add_stream_from_template(stream, opaque=True) for stream in given.streams]
        for stream, copy in zip(given.streams, copies, strict=True):
            change(stream, copy, None)
        more = list(further(written))
        for packet in given.demux():
            if packet.dts is not None:
                change(packet.stream, copies[packet.stream.index], packet)
                packet.stream = copies[packet.stream.index]
                written.mux(packet)
        written.mux(more)
    return target


def fourcc(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.codec_tag


@pytest.mark.parametrize("how", [shift_audio, lambda *given: rewrite_audio(*given[:2], [Stretch(0, given[2])])])
@pytest.mark.parametrize(
    ("suffix", "codec", "pixels", "options", "name", "targets"),
    [(".mov", "prores_ks", "yuva444p10le", {"profile": "4444"}, "ap4h", [".mov"]),
     (".mov", "prores_ks", "yuv422p10le", {"profile": "proxy"}, "apco", [".mov"]),
     (".mkv", "libx265", "yuv420p", {"x265-params": "log-level=none"}, "hvc1", [".mp4", ".mov", ".mp4"]),
     (".mp4", "libx265", "yuv420p", {"x265-params": "log-level=none"}, "hev1", [".mp4", ".mov"]),
     (".mov", "libx264", "yuv420p", {}, "avc1", [".mp4", ".mkv", ".mov"])],
)  # fmt: skip
def test_what_a_codec_is_called_survives(tmp_path, how, suffix, codec, pixels, options, name, targets):
    source = tmp_path / f"in{suffix}"
    draw_as_cameras_do(source, codec, "pcm_s16le" if suffix == ".mov" else "aac", pix_fmt=pixels, options=options)
    for number, container in enumerate(targets):
        how(source, tmp_path / f"{number}{container}", 0.1)
        source = tmp_path / f"{number}{container}"
        assert container == ".mkv" or fourcc(source) == name


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pictures_whose_decoder_is_no_encoder_are_copied(tmp_path, suffix):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    draw_as_cameras_do(source, "libsvtav1", "aac", options={"preset": "12"})
    with av.open(str(source)) as given:
        assert given.streams.video[0].codec_context.name == "libdav1d"
    shift_audio(source, target, 0.2)
    assert lag(target) - lag(source) == pytest.approx(0.2, abs=0.011)
    rewrite_audio(source, target, [Stretch(0, 0.2)])
    assert lag(target) - lag(source) == pytest.approx(0.2, abs=0.011)


def cover(written):
    stream = written.add_stream("mjpeg", rate=1)
    stream.width = stream.height = 64
    stream.pix_fmt, stream.disposition = "yuvj420p", Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 200, np.uint8), format="rgb24").reformat(format="yuvj420p")
    return [*stream.encode(frame), *stream.encode(None)]


@pytest.mark.parametrize(
    "how", [shift_audio, lambda *given: rewrite_audio(*given[:2], [Stretch(0, given[2])]).left_out]
)
@pytest.mark.parametrize(("suffix", "held"), [(".mp4", True), (".mov", False), (".mkv", True), (".ts", False)])
def test_the_picture_of_the_cover_survives_or_is_told(tmp_path, suffix, held, how):
    draw_as_cameras_do(tmp_path / "plain.mp4", "libx264", "aac", options={"bf": "2"})
    source, target = altered(tmp_path / "plain.mp4", tmp_path / "in.mp4", further=cover), tmp_path / f"out{suffix}"
    with av.open(str(source)) as given:
        assert [bool(stream.disposition & Disposition.attached_pic) for stream in given.streams.video] == [False, True]
    left_out = how(source, target, 0.2)
    assert lag(target) - lag(source) == pytest.approx(0.2, abs=0.025)
    with av.open(str(target)) as container:
        assert len(container.streams.video) == 1 + held and len(left_out) == 1 - held


def test_pixels_that_only_the_container_calls_oblong_stay_so(tmp_path):
    def oblong(stream, copy, packet):
        if packet is None and stream.type == "video":
            copy.codec_context.sample_aspect_ratio = Fraction(64, 45)

    draw_as_cameras_do(tmp_path / "plain.mov", "prores_ks", "pcm_s16le", pix_fmt="yuv422p10le")
    source = altered(tmp_path / "plain.mov", tmp_path / "in.mov", oblong)
    shift_audio(source, tmp_path / "out.mov", 0.1)
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(64, 45)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts"])
@pytest.mark.parametrize("by", [0.2, -0.2])
def test_the_clock_of_a_broadcast_stays_in_transport_streams(tmp_path, suffix, by):
    def an_hour_on(stream, copy, packet):
        if packet is not None:
            packet.pts, packet.dts = (time + round(3600 / packet.time_base) for time in (packet.pts, packet.dts))

    draw_as_cameras_do(tmp_path / "plain.ts", "libx264", "aac", options={"bf": "3"})
    source, target = altered(tmp_path / "plain.ts", tmp_path / "in.ts", an_hour_on), tmp_path / f"out{suffix}"
    shift_audio(source, target, by)
    assert lag(target) - lag(source) == pytest.approx(by, abs=0.011)
    assert shown(target) == pytest.approx(shown(source), abs=0.0011)
    with av.open(str(target)) as container:
        start, end = container.start_time / av.time_base, container.duration / av.time_base
    assert start == pytest.approx(3600, abs=1) if suffix == ".ts" else start < 0.3 and end < 3


def two_voices(path: Path, **how) -> Path:
    """A file with a second sound, made by ``altered``."""
    draw(path.with_name(f"plain{path.suffix}"), audio_codec="aac", rate=48_000)
    return altered(path.with_name(f"plain{path.suffix}"), path, **how)


def test_a_further_sound_that_no_codec_reads_is_left_out(tmp_path):
    source = rich(tmp_path / "rich.mp4")
    data = source.read_bytes()
    for name in (b"mp4a", b"esds"):  # of the second language
        place = data.rindex(name)
        data = data[:place] + b"unkn" + data[place + 4 :]
    source.write_bytes(data)
    for suffix in (".mp4", ".mkv"):
        target = tmp_path / f"out{suffix}"
        assert shift_audio(source, target, 0.2)[0] == "stream 2, audio"
        assert lag(target) - lag(source) == pytest.approx(0.2, abs=0.011)
        left = rewrite_audio(source, target, [Stretch(0, 0.2)]).left_out
        assert "stream 2, audio that nothing here decodes" in left


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_sound_that_a_transport_stream_announces_and_does_not_bring_is_left_out(tmp_path, suffix):
    def silent(written):
        written.add_stream("aac", rate=48_000, layout="stereo")
        return []

    source, target = two_voices(tmp_path / "in.ts", further=silent), tmp_path / f"out{suffix}"
    assert shift_audio(source, target, 0.2) == ["stream 2, audio (aac)"]
    assert lag(target) - lag(source) == pytest.approx(0.2, abs=0.011)
    assert len(rewrite_audio(source, target, [Stretch(0, 0.2)]).left_out) == 1


def many_channels(written):
    stream = written.add_stream("pcm_s16le", rate=48_000, layout="hexadecagonal")
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 16 * 48_000), np.int16), format="s16", layout="hexadecagonal")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    return [*stream.encode(frame), *stream.encode(None)]


def noise(written):
    stream = written.add_stream("ac3", rate=48_000, layout="stereo")
    packet = av.Packet(np.random.default_rng(0).bytes(400))
    packet.pts = packet.dts = 0
    packet.time_base, packet.stream = MS, stream
    return [packet]


@pytest.mark.parametrize("by", [0.2, -0.2])
@pytest.mark.parametrize(
    ("further", "why"),
    [(many_channels, "of more than 8 channels"), (noise, "that nothing here decodes"),
     (lambda written: noise(written)[:0], "that nothing here decodes")],
)  # fmt: skip
def test_a_further_sound_that_gives_nothing_is_left_out_and_told(tmp_path, further, why, by):
    source, target = two_voices(tmp_path / "in.mkv", further=further), tmp_path / "out.mkv"
    done = rewrite_audio(source, target, [Stretch(0, by)])
    assert len(done.codecs) == 1 and len(done.left_out) == 1 and done.left_out[0].endswith(why)
    assert lag(target) - lag(source) == pytest.approx(by, abs=0.004)
    with av.open(str(target)) as container:
        assert len(container.streams.audio) == 1


def test_frames_without_a_time_go_on_where_the_one_before_ended(tmp_path):
    """Of two in a packet only the first has one."""
    source, target = tmp_path / "pairs.mkv", tmp_path / "out.mkv"
    hum = np.random.default_rng(0).uniform(-0.3, 0.3, 96_000).astype(np.float32)
    write_video(tmp_path / "in.mkv", np.zeros((50, 16, 16, 3), np.uint8), hum, sample_rate=48_000, audio_codec="mp2")
    with av.open(str(tmp_path / "in.mkv")) as given, av.open(str(source), "w") as written:
        copies = [written.add_stream_from_template(stream) for stream in given.streams]
        held = None
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio" and held is None:
                held = packet
                continue
            copy = again(packet, copies[packet.stream.index])
            if packet.stream.type == "audio":
                copy, held = again(held, copies[packet.stream.index]), None
                both = av.Packet(bytes(copy) + bytes(packet))
                both.pts, both.dts, both.time_base, both.stream = copy.pts, copy.dts, copy.time_base, copy.stream
                copy = both
            written.mux(copy)
    with av.open(str(source)) as container:
        assert [frame.time is None for frame in container.decode(audio=0)][:4] == [False, True, False, True]
    rewrite_audio(source, target, [Stretch(0, 0.2)])
    heard, before = read_audio(target)[3200:], read_audio(source)
    assert np.corrcoef(heard[: len(before)], before[: len(heard)])[0, 1] > 0.99


def test_a_stream_that_turns_up_later_does_not_stop_a_copy(tmp_path):
    """Behind what FFmpeg looks at first, and out of sight at the end as well."""

    def later(seconds):
        def change(stream, copy, packet):
            if packet is not None:
                packet.pts, packet.dts = (time + round(seconds / packet.time_base) for time in (packet.pts, packet.dts))

        return change

    draw(tmp_path / "plain.ts", audio_codec="aac", rate=48_000)
    parts = [altered(tmp_path / "plain.ts", tmp_path / f"{k}.ts", later(3 * k)) for k in range(3)]
    parts[1] = altered(parts[1], tmp_path / "more.ts", further=many_voices)
    filling = (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 32_000
    source = tmp_path / "in.ts"
    source.write_bytes(filling.join(part.read_bytes() for part in parts))
    for suffix in (".mkv", ".ts"):
        assert shift_audio(source, tmp_path / f"out{suffix}", 0.1) == []
        assert len(shown(tmp_path / f"out{suffix}")) == 150


def many_voices(written):
    for _ in range(30):
        stream = written.add_stream("mp2", rate=48_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 1152), np.int16), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 4 * 48_000, Fraction(1, 48_000)
        yield from (*stream.encode(frame), *stream.encode(None))


def test_steps_are_undone_from_their_time_on(tmp_path):
    rate = 16_000
    sound = np.zeros(rate * 12, np.float32)
    early = {2: 0.1, 5: -0.25, 9: 0.3}
    for second, by in early.items():
        first = round((second - by) * rate)
        sound[first : first + 40] = 0.9
    write_video(tmp_path / "in.mkv", (np.zeros((16, 16, 3), np.uint8) for _ in range(300)), sound)
    moves = [Stretch(0.0, 0.1), Stretch(4.0, -0.25), Stretch(7.0, 0.3)]
    rewrite_audio(tmp_path / "in.mkv", tmp_path / "out.mkv", moves)
    heard = np.abs(read_audio(tmp_path / "out.mkv")) > 0.4
    for second in early:
        part = heard[round((second - 0.5) * rate) : round((second + 0.5) * rate)]
        assert int(part.argmax()) / rate == pytest.approx(0.5, abs=0.001)


KILLED = """
import sys
from avsync.media import {module} as module
from avsync.media.copies import Copies
from avsync.media.placement import Stretch
take, count = Copies.take, 0
def slowly(self, packet):
    global count
    count += 1
    if count == 20:
        print("now", flush=True)
        import time; time.sleep(60)
    take(self, packet)
Copies.take = slowly
{call}
"""


@pytest.mark.parametrize(
    ("module", "call"),
    [("remux", "module.shift_audio(sys.argv[1], sys.argv[2], 0.1)"),
     ("rewrite", "module.rewrite_audio(sys.argv[1], sys.argv[2], [Stretch(0, 0.1)])")],
)  # fmt: skip
def test_killed_in_the_middle_there_is_no_output(tmp_path, module, call):
    source, target = tmp_path / "in.mp4", tmp_path / "out" / "out.mp4"
    target.parent.mkdir()
    draw(source)
    code = KILLED.format(module=module, call=call)
    child = subprocess.Popen([sys.executable, "-c", code, source, target], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "now\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not target.exists()
    shift_audio(source, target, 0.1)  # what the dead one left does not stand in the way
    assert lag(target) - lag(source) == pytest.approx(0.1, abs=0.011)


FULL = """
import resource, sys
from avsync.errors import MediaError
from avsync.media.placement import Stretch
from avsync.media.remux import shift_audio
from avsync.media.rewrite import rewrite_audio
for share in sys.argv[3:]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(share), resource.RLIM_INFINITY))
    for move in (lambda: shift_audio(sys.argv[1], sys.argv[2], 0.1),
                 lambda: rewrite_audio(sys.argv[1], sys.argv[2], [Stretch(0, 0.1)])):
        try:
            move()
        except MediaError as error:
            print(error)
        else:
            print("written")
"""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_on_a_full_disk_there_is_an_error_and_no_output(tmp_path, suffix):
    source, target = tmp_path / f"in{suffix}", tmp_path / "out" / f"out{suffix}"
    target.parent.mkdir()
    draw(source, seconds=6.0)
    size = source.stat().st_size
    limits = [size // 10, size // 2, size - 6000, size - 2000]
    done = subprocess.run(
        [sys.executable, "-c", FULL, source, target, *map(str, limits)], capture_output=True, text=True, check=True
    )
    said = done.stdout.splitlines()
    assert len(said) == 8 and "written" not in said
    assert all("make room" in line and os.strerror(errno.EFBIG) in line for line in said)
    assert list(target.parent.iterdir()) == []


def test_a_whole_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, "fsync", lambda file: order.append("fsync"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (order.append("replace"), replace(*paths)))
    with whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("all")
    assert order == ["fsync", "replace"] and (tmp_path / "a.txt").read_text() == "all"


@pytest.mark.parametrize("suffix", [".avi", ".mxf"])
def test_what_has_no_start_times_says_what_to_do(tmp_path, suffix):
    draw(tmp_path / "in.mkv")
    with pytest.raises(MediaError, match="--rewrite-audio"):
        shift_audio(tmp_path / "in.mkv", tmp_path / f"out{suffix}", 0.1)


def test_long_sound_is_not_held(tmp_path):
    """Placement forgets what it has read."""
    import tracemalloc

    source = tmp_path / "long.mkv"
    write_video(source, (np.zeros((16, 16, 3), np.uint8) for _ in range(25 * 120)), np.zeros(16_000 * 120, np.float32))
    tracemalloc.start()
    rewrite_audio(source, tmp_path / "out.mkv", [Stretch(0, 0.3), Stretch(60, -0.3)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6, f"{peak / 1e6:.1f} MB for 2 minutes, whose sound is 8 MB"
