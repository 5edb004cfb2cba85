"""Damage is told: every file of the corpus gets the verdict it deserves, in time."""

import struct
import time

import av
import numpy as np
import pytest
from damaged import DAMAGED, GOOD, KINDS, draw_corpus, draw_video, remux
from flash_click import draw_as_cameras_do

from avsync.errors import MediaError
from avsync.media.damage import Account
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.read import read_frames
from avsync.media.size import missing_bytes, movie_seconds
from avsync.media.sound import read_audio

DEADLINE = 10.0
EVEN = 0.5


def problem(path):
    """What is wrong with a file, read to its end; None when nothing is."""
    account = Account()
    try:
        require_picture_and_sound(probe(path))
        read_audio(path, account=account)
        for _ in read_frames(path, account=account):
            pass
    except MediaError as error:
        return str(error)
    apart = abs(account.end("video") - account.end("audio"))
    return account.problem() or (f"picture and sound end {apart:.2f} s apart" if apart > EVEN else None)


def judge(folder, count, seed):
    """Names whose verdict is not the expected one, and what was said about them."""
    wrong = {}
    for name, expected in draw_corpus(folder, count, seed).items():
        start = time.monotonic()
        said = problem(folder / name)
        assert time.monotonic() - start < DEADLINE, name
        assert said is None or "\n" not in said
        if (DAMAGED if said else GOOD) != expected:
            wrong[name] = str(said)
    return wrong


def test_every_kind_of_damage_is_told_and_nothing_else(tmp_path):
    assert judge(tmp_path, len(KINDS), 0) == {}


@pytest.mark.slow
def test_two_hundred_files_get_their_verdicts(tmp_path):
    assert judge(tmp_path, 200, 1) == {}


def test_whatever_a_header_says_there_is_an_answer(tmp_path):
    """Some of these flips matter and some do not; none may end in anything but a verdict, in time."""
    rng = np.random.default_rng(4)
    whole = [tmp_path / name for name in draw_corpus(tmp_path, 9)]
    for number in range(60):
        path = whole[number % len(whole)]
        data = bytearray(path.read_bytes())
        for place in rng.integers(0, 2000, 10):
            data[place] = rng.integers(0, 256)
        flipped = tmp_path / f"flipped{path.suffix}"
        flipped.write_bytes(data)
        start = time.monotonic()
        problem(flipped)
        assert time.monotonic() - start < DEADLINE


def test_an_account_says_how_much_there_was(tmp_path):
    path, account = tmp_path / "clip.mp4", Account()
    draw_video(path, sound=2.5, audio_offset=0.2)
    assert len(read_audio(path, account=account)) == pytest.approx(2.7 * 16_000, abs=2000)
    assert account.end("video") is None
    assert len(list(read_frames(path, account=account))) == account.streams["video"].count == 75
    assert account.problem() is None
    assert account.end("video") == pytest.approx(3.0, abs=0.01)
    assert account.end("audio") == pytest.approx(2.7, abs=0.07)
    assert account.streams["audio"].declared == pytest.approx(2.7, abs=0.07)
    assert movie_seconds(path) == pytest.approx(3.0, abs=0.01)


def test_a_recording_may_start_and_stop_between_any_two_packets(tmp_path):
    whole, part = tmp_path / "whole.ts", tmp_path / "part.ts"
    groups = {"x264-params": "bframes=3:open-gop=1:keyint=12:min-keyint=6"}
    draw_as_cameras_do(whole, "libx264", "aac", options=groups)
    data = whole.read_bytes()
    for first, last in ((40, 400), (101, 390), (160, 333)):
        # the tables come first in what a broadcaster repeats all the time
        part.write_bytes(data[: 3 * 188] + data[first * 188 : last * 188])
        assert missing_bytes(part) == 0
        assert problem(part) is None


def test_what_nobody_could_read_is_a_hole_in_both_streams(tmp_path):
    source, muted, holed = tmp_path / "source.mkv", tmp_path / "muted.mkv", tmp_path / "holed.mkv"
    draw_video(source)
    _leave_out(source, muted, {"audio"})
    _leave_out(source, holed, {"audio", "video"})
    assert problem(muted) is None
    assert "missing from 1.5" in problem(holed)


def _leave_out(source, target, kinds):
    """Without the packets of 1.5 to 2.0 s."""
    with av.open(str(source)) as given, av.open(str(target), "w") as written:
        streams = {stream.index: written.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            inside = packet.dts is not None and 1.5 < packet.pts * packet.time_base < 2.0
            if packet.dts is not None and not (inside and packet.stream.type in kinds):
                packet.stream = streams[packet.stream.index]
                written.mux(packet)


def test_two_recordings_glued_together_are_told(tmp_path):
    source, part, glued = tmp_path / "source.mp4", tmp_path / "part.ts", tmp_path / "glued.ts"
    draw_video(source)
    remux(source, part)
    glued.write_bytes(part.read_bytes() * 2)
    assert "run back" in problem(glued)


def test_what_a_header_claims_is_not_allocated(tmp_path):
    claims = [name for name in draw_corpus(tmp_path, len(KINDS)) if "four_hours" in name]
    assert len(claims) == 3
    for name in claims:
        assert len(read_audio(tmp_path / name)) < 4 * 16_000


def test_a_length_left_over_from_before_a_trim_is_not_damage(tmp_path):
    path = tmp_path / "trimmed.mp4"
    draw_video(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"mvhd") + 20  # version and flags, two dates and the time scale lie between
    (length,) = struct.unpack(">I", data[place : place + 4])
    data[place : place + 4] = struct.pack(">I", round(1.3 * length))
    path.write_bytes(data)
    assert problem(path) is None
