"""A photograph says nothing about synchronization, whichever verb looks at it."""

import numpy as np
import pytest

import avsync
from avsync.media.write import write_video
from mouths import draw_mouth


@pytest.fixture(scope="module")
def checkpoint(mouth_run):
    return mouth_run / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """One picture of a mouth for 6 s, and the voice that was its own."""
    clip = draw_mouth(340, seconds=6.0)
    path = tmp_path_factory.mktemp("still") / "still.mkv"
    write_video(path, np.repeat(clip.frames[:1], len(clip.frames), axis=0), clip.audio)
    return path


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A mouth in sync for 6 s; then its picture stands still for 6 s, while the voice goes on."""
    clip = draw_mouth(341, seconds=12.0)
    clip.frames[150:] = clip.frames[150]
    path = tmp_path_factory.mktemp("frozen") / "frozen.mkv"
    write_video(path, clip.frames, clip.audio)
    return path


def test_no_verb_finds_anything_in_it(still, checkpoint, tmp_path):
    how = {"checkpoint": checkpoint, "crop": "none"}
    assert avsync.offset(still, **how).estimate is None
    assert avsync.drift(still, **how).runs == [] and avsync.drift(still, **how).kind == "undecided"
    done = avsync.fix(still, tmp_path / "out.mkv", **how, min_chance=0.0)
    assert (done.action, done.why) == ("nothing", "no speech that a face shows") and not (tmp_path / "out.mkv").exists()
    assert avsync.score(still, **how).segments == []
    readings = list(avsync.watch(str(still), **how))
    assert len(readings) > 4 and all(one.tracks and one.best.estimate is None for one in readings)
    told = avsync.speakers(still, **how)
    assert told.offset is None and told.turns and all(turn.face is None for turn in told.turns)


def test_what_moves_before_it_stands_still_is_all_that_counts(frozen, checkpoint):
    how = {"checkpoint": checkpoint, "crop": "none"}
    windows = avsync.offset(frozen, **how).estimate.windows
    assert 100 < windows < 180
    times = [run.time for run in avsync.drift(frozen, **how).runs if run.found.windows > 20]
    assert times and max(times) < 7
    aligned = [segment.aligned for segment in avsync.score(frozen, **how).segments]
    assert len(aligned) <= 7 and all(aligned[:6])
    (*_, last) = avsync.watch(str(frozen), **how, window=4.0)
    assert last.best.estimate is None
    turns = [(turn.face, turn.start, turn.end) for turn in avsync.speakers(frozen, **how).turns]
    assert turns[0][:2] == (0, 0.0) and turns[0][2] == pytest.approx(6, abs=1) and turns[-1][0] is None
