"""The rules on faces, one by one."""

import numpy as np
import pytest

from avsync.data.clips import Settings, Stretch, motion, runs, usable
from avsync.data.timeline import Timeline


def talking(others, width=80.0, still=False):
    """A piece of noise, which moves all the time."""
    frames = np.random.default_rng(0).integers(0, 255, (len(others), 96, 96, 3), np.uint8)
    if still:
        frames[:] = frames[0]
    boxes = np.tile(np.array([0, 0, width, width], np.float32), (len(others), 1))
    return Stretch(100, frames, 0, boxes, np.zeros((len(others), 7, 2), np.float32), np.array(others, np.uint8))


def kept(piece, **settings):
    timeline = Timeline()
    parts = [(part.first, part.last) for part in usable(piece, Settings(**settings), timeline)]
    return parts, {tuple(interval) for interval in timeline.dropped}


OTHERS = [0] * 10 + [1] * 20 + [0] * 30


def test_one_speaker_at_a_time():
    alone, dropped = kept(talking(OTHERS))
    assert alone == [(100, 110), (130, 160)] and dropped == {(110, 130, "several faces")}
    assert kept(talking(OTHERS), faces="reject") == ([], {(100, 160, "several faces")})
    assert kept(talking(OTHERS), faces="all") == ([(100, 160)], set())


def test_small_and_still_faces_are_dropped():
    assert kept(talking([0] * 50, width=20.0)) == ([], {(100, 150, "face too small")})
    assert kept(talking([0] * 50, still=True)) == ([], {(100, 150, "still face")})
    assert kept(talking([0] * 50, still=True), min_motion=0.0) == ([(100, 150)], set())


def test_motion_looks_at_the_mouth():
    frames = np.zeros((10, 96, 96, 3), np.uint8)
    frames[::2, :30] = 255  # hair in the wind
    assert motion(frames) == 0
    frames[::2, 60:70, 40:50] = 255
    assert motion(frames) == pytest.approx(255 * 100 / 48**2)


def test_runs_of_a_mask():
    assert list(runs(np.array([True, True, False, True]))) == [(0, 2, True), (2, 3, False), (3, 4, True)]
    assert list(runs(np.array([], bool))) == []


def test_parts_are_counted_on_the_clock_of_the_source():
    part = talking(OTHERS).part(105, 115)
    assert (part.first, part.last, len(part.boxes), part.others.tolist()) == (105, 115, 10, [0] * 5 + [1] * 5)
    assert part.meta()["start"] == pytest.approx(4.2) and part.meta()["seconds"] == pytest.approx(0.4)
