"""What comes through a pipe lies where it lies in the file."""

import numpy as np
import pytest

from avsync.errors import MediaError
from avsync.media.live import LiveSource
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from live import mouth_file, piped
from mouths import draw_mouth


def taken(source: str):
    """(number of the first picture, grey levels of the pictures, sound) of every segment."""
    with LiveSource(source) as live:
        found = []
        for segment in live.segments():
            pictures = list(segment.pictures())
            assert [k for k, _ in pictures] == list(range(segment.first, segment.first + len(pictures)))
            found.append((segment.first, np.array([p.mean() for _, p in pictures]), segment.sound.cut(0)))
        return found


@pytest.mark.parametrize("suffix", ["mkv", "ts", "webm"])
@pytest.mark.parametrize("early", [0.0, 0.3, -0.3])
def test_picture_and_sound_of_a_pipe_are_those_of_the_file(tmp_path, suffix, early):
    path = mouth_file(tmp_path / f"mouth.{suffix}", seconds=2.0, early=early)
    with piped(tmp_path, path.read_bytes()) as pipe:
        ((first, grey, sound),) = taken(pipe)
    pictures = list(read_frames(path))
    heard = read_audio(path)
    assert np.array_equal(grey, [picture.mean() for _, picture in pictures])
    # the clock may begin later than that of the file, by whole frames
    later = pictures[0][0] - first
    assert later >= 0
    expected = heard[640 * later :]
    length = min(len(expected), len(sound))
    assert abs(len(expected) - len(sound)) <= 640
    assert np.abs(sound[1600:length] - expected[1600:length]).max() < 0.02


def test_a_leap_of_the_timestamps_begins_a_segment_with_a_clock_of_its_own(tmp_path):
    parts = [mouth_file(tmp_path / f"{seed}.ts", seed, 5.0, early) for seed, early in ((1, 0.0), (2, 0.4))]
    with piped(tmp_path, b"".join(part.read_bytes() for part in parts)) as pipe:
        segments = taken(pipe)
    assert len(segments) == 2
    for (first, grey, sound), part in zip(segments, parts, strict=True):
        pictures, heard = list(read_frames(part)), read_audio(part)
        shown = np.array([picture.mean() for _, picture in pictures])
        assert len(grey) >= len(shown) - 10  # a decoder holds a few when the splice comes
        missing = min(range(len(shown) - 50), key=lambda k: np.abs(shown[k : k + 50] - grey[:50]).sum())
        assert np.array_equal(shown[missing : missing + 50], grey[:50])
        begin = 640 * (pictures[missing][0] - first)  # sample 0 of the segment, in the file
        low, high = max(0, -begin) + 16_000, min(len(sound), len(heard) - begin) - 16_000
        assert high - low > 32_000 and np.abs(sound[low:high] - heard[begin + low : begin + high]).max() < 0.02


def test_a_hole_in_the_sound_alone_is_no_leap(tmp_path):
    clip = draw_mouth(3, 8.0)
    write_video(tmp_path / "late.ts", clip.frames, clip.audio[:32_000], audio_offset=5.0)
    with piped(tmp_path, (tmp_path / "late.ts").read_bytes()) as pipe:
        segments = taken(pipe)
    assert len(segments) == 1 and len(segments[0][1]) == 200


def test_sound_is_not_kept_for_a_picture_that_has_stopped(tmp_path):
    write_video(tmp_path / "stopped.ts", draw_mouth(3, 2.0).frames, np.zeros(16_000 * 30, np.float32))
    with piped(tmp_path, (tmp_path / "stopped.ts").read_bytes()) as pipe:
        segments = taken(pipe)
    assert sum(len(grey) for _, grey, _ in segments) == 50
    assert 6 * 16_000 < max(len(sound) for _, _, sound in segments) < 10 * 16_000


@pytest.mark.parametrize(
    ("name", "words"),
    [("absent", "no such pipe"), ("", "folder"), ("empty", "is empty"), ("page", "cannot be read"),
     ("mute.mkv", "no sound"), ("http://127.0.0.1:9/x", "cannot be read")],
)  # fmt: skip
def test_what_cannot_be_opened_says_so_in_one_line(tmp_path, name, words):
    (tmp_path / "empty").touch()
    (tmp_path / "page").write_text("<html>404</html>" * 100)
    write_video(tmp_path / "mute.mkv", draw_mouth(4, 1.0).frames)
    with pytest.raises(MediaError, match=words) as error:
        LiveSource(name if ":" in name else str(tmp_path / name))
    assert "\n" not in str(error.value)


def test_passwords_are_not_shown():
    with pytest.raises(MediaError) as error:
        LiveSource("http://me:secret@127.0.0.1:9/x")
    assert "secret" not in str(error.value) and "***@127.0.0.1" in str(error.value)


def test_a_source_that_breaks_off_gives_what_came(tmp_path):
    data = mouth_file(tmp_path / "mouth.mkv", seconds=4.0).read_bytes()
    with piped(tmp_path, data[: len(data) // 2]) as pipe:
        ((_, grey, sound),) = taken(pipe)
    assert 25 < len(grey) < 80 and len(sound) > 16_000


def test_an_mp4_whose_table_comes_last_is_told_from_a_source_that_broke_off(tmp_path):
    data = mouth_file(tmp_path / "mouth.mp4", seconds=1.0).read_bytes()
    assert data.find(b"moov") > data.find(b"mdat")
    with piped(tmp_path, data) as pipe, pytest.raises(MediaError, match="fragmented MP4"):
        taken(pipe)
