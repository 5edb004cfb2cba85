"""What is written after a measurement, with measurements that are made up: sounds are looked at by their clicks."""

import math

import pytest
import torch

from avsync.alignment.drift import Drift
from avsync.alignment.explain import Model
from avsync.alignment.fix import correct, fix
from avsync.alignment.offset import Estimate
from avsync.errors import MediaError
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from avsync.synthetic.fixtures import flash_and_click


def said(offset, kind="constant", chance=0.9) -> Drift:
    """A measurement that finds this."""
    model = Model(kind, (-math.inf,), (offset,))
    found = Estimate(0.0, 0, 0.5, torch.zeros(51), 90.0)
    return (
        Drift("clip", model, [], found, chance, 0.5, 0.0, [0.0])
        if kind
        else Drift("clip", model, [], None, None, 0.5, 0.0, [])
    )


class Says:
    """Gives its answers one after the other."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, path, progress):
        self.asked.append(path)
        progress(0.5)
        return self.answers.pop(0)


def clicks_late(path) -> float:
    """Seconds from the first flash to the first click."""
    flash = next(k for k, picture in read_frames(path) if picture.mean() > 128) / 25
    return int((abs(read_audio(path)) > 0.4).argmax()) / 16_000 - flash


@pytest.fixture
def early(tmp_path):
    flash_and_click(tmp_path / "early.mp4", seconds=2.0, offset=0.2)
    return tmp_path / "early.mp4"


@pytest.mark.parametrize("rewrite", [False, True])
def test_what_was_measured_is_undone_and_measured_again(early, tmp_path, rewrite):
    measured = Says(said(0.2), said(0.004))
    done = correct(early, tmp_path / "out.mp4", measured, rewrite=rewrite)
    assert done.action == ("rewritten" if rewrite else "shifted") and done.out == str(tmp_path / "out.mp4")
    assert measured.asked[0] == early and measured.asked[1] != tmp_path / "out.mp4"  # before it has its name
    assert clicks_late(tmp_path / "out.mp4") == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("answers", [(0.2, 0.0), (0.15, 0.05, 0.0), (0.0,)])
def test_measuring_and_writing_tell_how_far_they_are(early, tmp_path, answers):
    told = []
    correct(early, tmp_path / "out.mp4", Says(*map(said, answers)), progress=told.append)
    assert told == sorted(told) and 0 < told[0] < 0.2 and told[-1] <= 1
    assert len(set(told)) == max(2, 2 * len(answers) - 1), "every measuring and every writing is a sign of life"


def test_a_given_offset_tells_how_far_it_is_too(early, tmp_path):
    for rewrite in (False, True):
        told = []
        fix(early, tmp_path / "out.mp4", None, offset=0.1, rewrite=rewrite, progress=told.append, force=True)
        assert told and max(told) <= 1


def test_what_is_left_is_taken_off_in_a_second_try(early, tmp_path):
    done = correct(early, tmp_path / "out.mp4", Says(said(0.15), said(0.05), said(0.0)))
    assert done.action == "shifted" and clicks_late(tmp_path / "out.mp4") == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("after", [said(0.1), said(0.0, chance=0.2), said(0.3, kind="irregular")])
def test_what_is_not_in_sync_afterwards_is_not_written(early, tmp_path, after):
    done = correct(early, tmp_path / "out.mp4", Says(said(0.2), after, after))
    assert done.action == "nothing" and "not in sync either" in done.why
    assert sorted(path.name for path in tmp_path.iterdir()) == ["early.mp4"]


def test_two_measurements_that_contradict_each_other_write_nothing(early, tmp_path):
    """30 ms early, then 30 ms late: what is left of the move is none, and a copy is what was out at first."""
    (tmp_path / "out.mp4").write_bytes(b"made before")
    done = correct(early, tmp_path / "out.mp4", Says(said(0.03), said(-0.03)))
    assert done.action == "nothing" and "moved by +30 ms it is not in sync either" in done.why
    assert (tmp_path / "out.mp4").read_bytes() == b"made before"


@pytest.mark.parametrize("offset", [0.015, -0.01])
def test_a_given_offset_is_undone_however_small(early, tmp_path, offset):
    before = clicks_late(early)
    assert fix(early, tmp_path / "out.mp4", None, offset=offset).action == "shifted"
    assert clicks_late(tmp_path / "out.mp4") - before == pytest.approx(offset, abs=0.002)
    assert fix(early, tmp_path / "same.mp4", None, offset=0.0).action == "copied"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere/out.mp4", "is no folder that may be written to"),
        ("out", "does not say which container"),
        ("out.foo", ".foo is no container"),
        ("out.avi", ".avi files cannot say when their sound starts"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_measured(early, tmp_path, name, words):
    with pytest.raises(MediaError, match=words):
        fix(early, tmp_path / name, None)  # without a network nothing can be


@pytest.mark.parametrize("first", [said(0.2, chance=0.4), said(0.2, kind="irregular"), said(0.0, kind="")])
def test_what_is_undecided_changes_nothing(early, tmp_path, first):
    done = correct(early, tmp_path / "out.mp4", Says(first))
    assert done.action == "nothing" and done.why and not (tmp_path / "out.mp4").exists()


def test_in_sync_is_copied_byte_by_byte_or_into_another_container(early, tmp_path):
    for suffix in (".mp4", ".mkv"):
        done = correct(early, tmp_path / f"out{suffix}", Says(said(0.019)))
        assert done.action == "copied"
    assert (tmp_path / "out.mp4").read_bytes() == early.read_bytes()
    assert clicks_late(tmp_path / "out.mkv") == pytest.approx(clicks_late(early), abs=0.01)


def test_in_sync_by_timestamps_alone_is_rewritten_for_those_who_ignore_them(tmp_path):
    source = tmp_path / "late.mkv"
    pictures = torch.zeros(50, 16, 16, 3, dtype=torch.uint8).numpy()
    write_video(source, pictures, torch.zeros(32_000).numpy(), audio_offset=0.3)
    assert correct(source, tmp_path / "out.mkv", Says(said(0.0), said(0.0)), rewrite=True).action == "rewritten"


def test_an_error_names_the_file_that_was_meant(early, tmp_path):
    with pytest.raises(MediaError, match=r"out\.avi: .avi files cannot say") as error:
        correct(early, tmp_path / "out.avi", Says(said(0.2)))
    assert ".out." not in str(error.value) and not (tmp_path / "out.avi").exists()
    with pytest.raises(MediaError, match="no folder that may be written"):
        fix(early, tmp_path / "absent" / "out.mp4", None, offset=0.1)
