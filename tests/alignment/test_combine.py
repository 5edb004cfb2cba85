"""Tracks that say something together, and tracks that contradict each other."""

import pytest
import torch

from avsync.alignment.chance import Chance
from avsync.alignment.combine import combine
from avsync.alignment.offset import read_curve

CHANCE = Chance(-3.0, 8.0, 1.5)


def track(frames: int, depth: float, windows: float = 50.0, seed: int = 0):
    """A curve that dips by ``depth`` at an offset, with its chance."""
    draw = torch.Generator().manual_seed(seed)
    curve = 1.3 + 0.02 * torch.randn(51, generator=draw)
    curve[25 + frames] = 1.3 - depth
    found = read_curve(curve, windows)
    return found, CHANCE(found)


def test_one_track_is_the_answer_as_it_is():
    found, likely = track(3, 0.3)
    both = combine([(found, likely), (None, None)], CHANCE, 0.5)
    assert both.estimate is found and both.chance == likely and both.weights == (1.0, 0.0)


def test_short_shots_that_agree_are_surer_together():
    """Ten shots that are each too short to decide."""
    tracks = [track(4, 0.12, windows=8.0, seed=seed) for seed in range(10)]
    assert all(likely < 0.5 for _, likely in tracks)
    together = combine(tracks, CHANCE, 0.5)
    assert together.estimate.frames == 4 and together.chance > max(likely for _, likely in tracks)
    assert sum(together.weights) == pytest.approx(1) and min(together.weights) > 0.05


def test_faces_that_listen_hardly_count():
    speaker, listener = track(-6, 0.5), track(9, 0.03, windows=500.0, seed=1)
    together = combine([speaker, listener], CHANCE, 0.5)
    assert together.estimate.frames == -6 and together.chance > 0.5 and together.weights[0] > 0.5


def test_decided_tracks_that_contradict_are_not_averaged():
    """A dubbed scene in an interview: what most of it says, as sure as that is alone."""
    scenes = [track(2, 0.5, 100.0), track(2, 0.45, 100.0, seed=1), track(-20, 0.5, 120.0, seed=2)]
    together = combine(scenes, CHANCE, 0.5)
    assert together.estimate.frames == 2 and together.weights[2] == 0
    assert together.chance >= min(likely for _, likely in scenes[:2])
    longer = combine([scenes[0], track(-20, 0.5, 300.0, seed=2)], CHANCE, 0.5)
    assert longer.estimate.frames == -20 and longer.weights == (0.0, 1.0)


def test_without_calibration_confidence_weighs():
    tracks = [(track(5, 0.5)[0], None), (track(5, 0.4, seed=1)[0], None), (track(-9, 0.05, seed=2)[0], None)]
    together = combine(tracks, None, 0.5)
    assert together.estimate.frames == 5 and together.chance is None and together.weights[2] == 0


def test_nothing_to_compare_anywhere():
    nothing = combine([(None, None), (None, None)], CHANCE, 0.5)
    assert nothing.estimate is None and nothing.chance is None and nothing.weights == (0.0, 0.0)
