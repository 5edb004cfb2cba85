"""Faces that show nothing of speaking weigh nothing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from avsync import load
from avsync.alignment.compare import compare_embedded
from avsync.alignment.embedded import Seen
from avsync.alignment.shown import MOST, REACH, Shown, turned
from mouths import draw_mouth

# outer corners of the eyes, base of the nose, mouth corners, lips: x right, y down, z towards the camera; outer corners
# of the eyes are 1 apart
HEAD = np.array(
    [
        [-0.5, 0, 0], [0.5, 0, 0], [0, 0.55, 0.32], [-0.28, 0.85, 0.2], [0.28, 0.85, 0.2], [0, 0.82, 0.28],
        [0, 0.88, 0.28],
    ]
)  # fmt: skip


def landmarks(yaw: float, roll: float = 0.0, count: int = 50) -> np.ndarray:
    """(T, 7, 2) of a head turned by degrees, seen from afar."""
    turn, lean = np.radians(yaw), np.radians(roll)
    x = HEAD[:, 0] * np.cos(turn) + HEAD[:, 2] * np.sin(turn)
    points = (x + 1j * HEAD[:, 1]) * np.exp(1j * lean) * 80 + (200 + 150j)
    return np.repeat(np.stack([points.real, points.imag], axis=-1)[None], count, axis=0)


def test_a_mouth_that_moves_counts_and_a_photograph_does_not():
    moving = draw_mouth(1, seconds=4.0).frames
    assert (Shown()(moving) == 1).all()
    assert (Shown()(np.repeat(moving[:1], 100, axis=0)) == 0).all()
    freezes = np.concatenate([moving[:50], np.repeat(moving[50:51], 100, axis=0)])
    weight = Shown()(freezes)
    assert (weight[:45] == 1).all() and (weight[80:] == 0).all() and (np.diff(weight) <= 0).all()


@pytest.mark.parametrize(("yaw", "counts"), [(0, 1), (20, 1), (-35, 1), (70, 0), (-80, 0)])
@pytest.mark.parametrize("roll", [0, 30])
def test_a_head_that_is_turned_away_does_not_count(yaw, counts, roll):
    frames = draw_mouth(2, seconds=2.0).frames
    assert (Shown()(frames, landmarks(yaw, roll)) == counts).all()


def test_turning_is_gradual():
    sides = [float(turned(landmarks(yaw))[0]) for yaw in (0, 15, 30, 45, 60)]
    assert sides == sorted(sides) and sides[0] == pytest.approx(0, abs=1e-6)
    assert 0 < Shown()(draw_mouth(3, 2.0).frames, landmarks(57))[0] < 1


def test_a_single_picture_shows_no_motion():
    assert (Shown()(draw_mouth(4, 0.2).frames[:1]) == 0).all()


@pytest.mark.parametrize("length", [15, 40])
def test_pieces_show_what_the_whole_does_as_far_as_they_know_it(length):
    """A mouth that moves, rests and moves again, half a second each: what is still to come is not known."""
    frames = draw_mouth(5, seconds=6.0).frames
    for first in range(12, 150, 24):
        frames[first : first + 12] = frames[first]
    frames[90:] = frames[90]
    whole, each = Shown()(frames), Shown()
    for first in range(0, 150, length):
        piece = each(frames[first : first + length], track=3)
        known = max(0, len(piece) - REACH)
        assert np.array_equal(piece[:known], whole[first : first + known])
        assert (piece == 1).all() if first + length <= 90 else True
    assert each(frames[-1:], track=3) == 0 and each(frames[:length], track=4)[0] == 1


def test_only_the_last_faces_are_remembered():
    each, frames = Shown(), draw_mouth(6, seconds=0.6).frames
    for track in range(10 * MOST):
        each(frames, track=track)
    assert len(each._before) == MOST


def test_what_is_not_shown_changes_nothing_of_what_is_measured():
    """The distances of those windows that show something, whatever the others look like."""
    torch.manual_seed(0)
    net, clip = load("syncnet").net, draw_mouth(3)
    video = F.normalize(torch.randn(96, 256), dim=-1)
    still, turned_away = video.clone(), video.clone()
    still[:60], turned_away[:60] = torch.eye(256)[0], torch.eye(256)[1]
    weight = torch.cat([torch.zeros(60), torch.ones(36)])
    one, other = (
        compare_embedded(Seen(0, 0.0, embedded, weight), clip.audio, 0, net, 15).distances
        for embedded in (still, turned_away)
    )
    assert torch.allclose(one[60:], other[60:], atol=1e-5, equal_nan=True)
    assert not torch.allclose(one[:60], other[:60], atol=0.01, equal_nan=True)
