"""Files that were trimmed without coding anew: what an edit list hides stays hidden in a copy."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from flash_click import draw_as_cameras_do, lag

import avsync
from avsync.alignment.fix import fix
from avsync.errors import MediaError
from avsync.media.hidden import Hidden, hidden_pictures
from avsync.media.placement import Stretch
from avsync.media.probe import probe
from avsync.media.remux import shift_audio
from avsync.media.rewrite import rewrite_audio
from avsync.media.sound import read_audio

ALONE = {"bf": "0", "g": "10", "keyint_min": "10", "sc_threshold": "0"}
GROUPS = {"bf": "3", "x264-params": "keyint=10:min-keyint=10:scenecut=0:open-gop=1:b-adapt=0"}
HOW = {
    "timestamps": shift_audio,
    "samples": lambda source, target, by: rewrite_audio(source, target, [Stretch(0, by)]),
}


def trimmed(folder: Path, start: float | None, **options: str) -> Path:
    """Two seconds without their first ``start``; None starts at a key frame after which some are shown before it."""
    whole = folder / "whole.mp4"
    draw_as_cameras_do(whole, "libx264", "aac", options=options)
    if start is None:
        with av.open(str(whole)) as given:
            found = [packet for packet in given.demux(video=0) if packet.size]
        key = next(k for k in range(5, 40) if found[k].is_keyframe and found[k + 1].pts < found[k].pts)
        start = float(found[key].pts * found[key].time_base)
    return trim(whole, folder / "in.mp4", start)


def trim(whole: Path, path: Path, start: float) -> Path:
    """As ``ffmpeg -ss -c copy`` writes it: what lies before 0 is hidden."""
    with av.open(str(whole)) as given, av.open(str(path), "w") as written:
        copies = [written.add_stream_from_template(stream, opaque=True) for stream in given.streams]
        for packet in given.demux():
            if packet.dts is not None:
                ticks, packet.stream = round(start / packet.time_base), copies[packet.stream.index]
                packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
                written.mux(packet)
    return path


def pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


def packets(path: Path, kind: str) -> list[tuple[float, bool]]:
    """Time of every packet and whether it is hidden."""
    with av.open(str(path)) as container:
        found = container.demux([stream for stream in container.streams if stream.type == kind])
        return [(float(packet.pts * packet.time_base), packet.is_discard) for packet in found if packet.size]


@pytest.mark.parametrize("by", [0.3, -0.3, 0.0])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("groups", [ALONE, GROUPS], ids=["alone", "reordered"])
def test_pictures_that_are_needed_stay_hidden(tmp_path, groups, suffix, how, by):
    source, target = trimmed(tmp_path, 0.52, **groups), tmp_path / f"out{suffix}"
    assert (
        hidden_pictures(source, target) == Hidden(0, True, None)
        and sum(hidden for _, hidden in packets(source, "video")) > 2
    )
    HOW[how](source, target, by)
    assert np.array_equal(pictures(target), pictures(source))
    assert len(packets(target, "video")) == len(packets(source, "video"))
    assert lag(target) - lag(source) == pytest.approx(by, abs=0.011)
    before, after = probe(source), probe(target)
    assert after.origin + after.video.start == pytest.approx(before.origin + before.video.start, abs=1e-6)


def test_sound_that_is_hidden_stays_so(tmp_path):
    source, target = trimmed(tmp_path, 1.5, **GROUPS), tmp_path / "out.mp4"  # without the click
    assert sum(hidden for _, hidden in packets(source, "audio")) > 40
    for by in (1.0, -0.3):
        shift_audio(source, target, by)
        assert np.abs(read_audio(target)).max() < 0.1
        assert min(time for time, _ in packets(target, "audio")) > by - 0.05, "one packet is what decoding needs"


@pytest.mark.parametrize("by", [0.3, -0.3])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_pictures_that_nobody_needs_are_left_behind(tmp_path, suffix, how, by):
    """The first that is shown is a key frame: what is hidden came before it, or refers to what did."""
    # between two pictures of closed groups, and at the key frame of an open one
    source = trimmed(tmp_path, 0.39, **ALONE) if suffix == ".ts" else trimmed(tmp_path, None, **GROUPS)
    target = tmp_path / f"out{suffix}"
    assert any(hidden for _, hidden in packets(source, "video"))
    assert not hidden_pictures(source, target).needed
    HOW[how](source, target, by)
    assert np.array_equal(pictures(target), pictures(source))
    assert len(packets(target, "video")) == len(pictures(source))
    assert lag(target) - lag(source) == pytest.approx(by, abs=0.011)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("suffix", "start"), [(".mkv", 0.52), (".ts", 0.52), (".ts", None)])
def test_where_they_cannot_be_hidden_nothing_is_written(tmp_path, suffix, start, how):
    """A transport stream that begins with an open group lacks what a decoder has to know."""
    source, target = trimmed(tmp_path, start, **GROUPS), tmp_path / f"out{suffix}"
    with pytest.raises(MediaError, match=rf"hides pictures before its first, which {suffix} files cannot; write \.mp4"):
        HOW[how](source, target, 0.1)
    with pytest.raises(MediaError, match="was trimmed"):
        fix(source, target, None)  # before anything is measured: without a network nothing can be
    assert not target.exists()


def edited(source: Path, target: Path, lists: list[list[tuple[int, int]]]) -> Path:
    """A copy with other edit lists: (milliseconds shown, ticks of the track where they begin), track by track."""
    remaining = iter(lists)

    def rebuilt(data: bytes) -> bytes:
        made = b""
        while data:
            size, name = struct.unpack(">I4s", data[:8])
            body, data = data[8:size], data[size:]
            if name in (b"moov", b"trak", b"edts"):
                body = rebuilt(body)
            elif name == b"elst":
                edits = next(remaining)
                body = struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">IiI", *one, 0x10000) for one in edits)
            made += struct.pack(">I4s", len(body) + 8, name) + body
        return made

    target.write_bytes(rebuilt(source.read_bytes()))
    return target


def test_what_is_hidden_behind_the_end_is_left_behind(tmp_path):
    trimmed(tmp_path, 0.0, **GROUPS)
    source = edited(tmp_path / "whole.mp4", tmp_path / "short.mp4", [[(1060, 1024)], [(1060, 1024)]])
    assert sum(hidden for _, hidden in packets(source, "video")) > 5
    for how, suffix in ((how, suffix) for how in HOW for suffix in (".mp4", ".mkv")):
        HOW[how](source, tmp_path / f"out{suffix}", 0.1)
        assert np.array_equal(pictures(tmp_path / f"out{suffix}")[: len(pictures(source))], pictures(source))
        assert len(pictures(tmp_path / f"out{suffix}")) <= len(pictures(source)) + 1, "others need it"


@pytest.mark.parametrize("how", HOW)
def test_cuts_in_the_middle_are_kept_or_refused(tmp_path, how):
    trimmed(tmp_path, 0.0, **ALONE)
    target = tmp_path / "out.mp4"
    sound = [(400, 0), (400, 48_000)]
    # at a key frame, and at a picture that needs the one before
    kept = edited(tmp_path / "whole.mp4", tmp_path / "kept.mp4", [[(400, 0), (400, 10_240)], sound])
    other = edited(tmp_path / "whole.mp4", tmp_path / "other.mp4", [[(400, 0), (400, 11_264)], sound])
    HOW[how](kept, target, 0.1)
    assert len(pictures(kept)) == 20 and np.array_equal(pictures(target), pictures(kept))
    with pytest.raises(MediaError, match="is cut by an edit list, .* encode it anew"):
        HOW[how](other, target, 0.1)


def test_a_copy_of_a_trimmed_file_begins_with_its_first_picture(tmp_path):
    source = trimmed(tmp_path, 0.52, **GROUPS)
    for rewrite in (False, True):
        done = fix(source, tmp_path / "out.mp4", None, offset=-0.2, rewrite=rewrite, force=True)
        assert done.action == ("rewritten" if rewrite else "shifted")
        assert np.array_equal(pictures(tmp_path / "out.mp4"), pictures(source))
        assert lag(tmp_path / "out.mp4") - lag(source) == pytest.approx(-0.2, abs=0.011)


def test_what_is_measured_of_a_trimmed_talker_is_undone(tmp_path):
    """Pictures that come up again would move the clock under the faces that were followed before."""
    pytest.importorskip("espeakng_loader")
    from avsync.synthetic.fixtures import tiny_talkers

    (talker,) = tiny_talkers(tmp_path, 1, 6.0, seed=11)
    shift_audio(talker, tmp_path / "late.mp4", 0.2)
    source, target = trim(tmp_path / "late.mp4", tmp_path / "in.mp4", 1.52), tmp_path / "out.mp4"
    assert hidden_pictures(source, target) == Hidden(0, True, None)
    done = avsync.fix(source, target, "syncnet")
    assert done.action == "shifted" and done.found.offset == pytest.approx(-0.2, abs=0.02), done.why
    assert avsync.offset(target, "syncnet").estimate.offset == pytest.approx(0, abs=0.02)
    assert np.array_equal(pictures(target), pictures(source))
