"""How much of speaking a face shows: nothing when it is a photograph, nothing when it is turned away."""

from __future__ import annotations

import numpy as np

from avsync.data.clips import MOUTH_LEFT, MOUTH_TOP

STILL, MOVES = 0.3, 0.4
"""Mean change of the mouth region from frame to frame, in grey levels of 255, over about a second: below the first it
is a still, as preparation has it (a photograph in a recording had 0.23), above the second it counts in full (people
who speak had 1 to 7, silent ones in a quiet laboratory 0.5)."""

FRONT, PROFILE = 0.4, 0.6
"""How far the base of the nose lies beside the middle of the eyes, in distances of their outer corners: up to the first
a head counts in full (one at 0.3 to 0.4 was measured as well as others), from the second on not at all."""

REACH = 15
"""Frames before and after over which motion is averaged: lips rest within a sentence."""

MOST = 16
"""Faces that are remembered: more than are followed at once, and no more the longer a source lasts."""


class Shown:
    """Weight of every frame of faces that come in pieces, however short: motion is averaged across their borders."""

    def __init__(self) -> None:
        self._before: dict[int, np.ndarray] = {}

    def __call__(self, frames: np.ndarray, landmarks: np.ndarray | None = None, track: int = 0) -> np.ndarray:
        """How much of speaking every frame shows.

        Args:
            frames: (T, S, S, 3) uint8 face crops, those that follow the ones given before for the same face.
            landmarks: (T, 7, 2) as :data:`avsync.faces.geometry.LANDMARKS`; None when nobody followed the face.
            track: Number of the face.

        Returns:
            (T,) float32 in 0...1.
        """
        new = _mouth(frames)
        mouth = np.concatenate([self._before.pop(track, new[:0]), new])
        self._before[track] = mouth[-REACH:].copy()
        for old in list(self._before)[:-MOST]:
            del self._before[old]
        weight = _ramp(_motion(mouth)[-len(new) :], STILL, MOVES)
        if landmarks is not None:
            weight = weight * (1 - _ramp(turned(landmarks), FRONT, PROFILE))
        return weight.astype(np.float32)


def _mouth(frames: np.ndarray) -> np.ndarray:
    """(T, S / 2, S / 2) int16, the green of the mouth region."""
    side = frames.shape[1]
    top, left, half = round(MOUTH_TOP * side), round(MOUTH_LEFT * side), side // 2
    return frames[:, top : top + half, left : left + half, 1].astype(np.int16)


def _motion(mouth: np.ndarray) -> np.ndarray:
    """(T,) grey levels that the mouth region changes by from frame to frame, over ±0.6 s."""
    changes = np.abs(np.diff(mouth, axis=0)).mean(axis=(1, 2))
    if not len(changes):
        return np.zeros(len(mouth))
    total = np.concatenate([[0.0], np.cumsum(changes)])
    middle = np.arange(len(mouth))
    first, last = np.maximum(0, middle - REACH), np.minimum(len(changes), middle + REACH)
    return (total[last] - total[first]) / (last - first)


def turned(landmarks: np.ndarray) -> np.ndarray:
    """(T,) how far the base of the nose lies beside the middle of the eyes, in distances of their outer corners.

    Along the line through the eyes, so that a head that leans to a side is not turned.
    """
    right, left, nose = (landmarks[:, i, 0] + 1j * landmarks[:, i, 1] for i in range(3))
    across = left - right
    return np.abs(((nose - (left + right) / 2) / np.where(across == 0, 1, across)).real)


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((value - low) / (high - low), 0.0, 1.0)
