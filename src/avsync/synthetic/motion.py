"""What moves besides the mouth: head, lids, gaze, light. All of it smooth, none of it tied to speech."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

_GRID = 50


@dataclass(frozen=True)
class Motion:
    """Curves over the frames, each (T,).

    Attributes:
        x: Head to the right, in shares of the frame's height.
        y: Head down, likewise.
        zoom: Relative size, about 1.
        roll: Radians.
        yaw: Radians.
        pitch: Radians.
        lids: 0 open .. 1 closed.
        gaze: -1..1.
        brightness: About 1.
        blinks: (start, end) s of each blink.
    """

    x: np.ndarray
    y: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    lids: np.ndarray
    gaze: np.ndarray
    brightness: np.ndarray
    blinks: tuple[tuple[float, float], ...]


def draw_motion(times: np.ndarray, draw: np.random.Generator) -> Motion:
    """Random motion at ``times`` (T,), increasing seconds from 0."""
    lively = draw.uniform(0.3, 1.2)
    end = float(times[-1]) + 1.0
    blinks = _blinks(end, draw)
    turned, tilted = draw.uniform(-0.12, 0.12), draw.uniform(-0.08, 0.08)
    return Motion(
        x=_wander(times, 0.016 * lively, 0.5, draw),
        y=_wander(times, 0.010 * lively, 0.4, draw),
        zoom=1 + _wander(times, 0.012 * lively, 0.8, draw),
        roll=draw.uniform(-0.07, 0.07) + _wander(times, 0.025 * lively, 0.6, draw),
        yaw=turned + _wander(times, 0.07 * lively, 0.5, draw),
        pitch=tilted + _wander(times, 0.045 * lively, 0.4, draw),
        lids=_lids(times, blinks),
        gaze=_gaze(times, draw),
        brightness=1 + _wander(times, draw.uniform(0, 0.03), 1.2, draw),
        blinks=blinks,
    )


def _wander(times: np.ndarray, size: float, slowness: float, draw: np.random.Generator) -> np.ndarray:
    """Smooth noise of standard deviation ``size`` that changes within about ``slowness`` s."""
    count = int((float(times[-1]) + 8 * slowness) * _GRID) + 2
    smooth = gaussian_filter1d(draw.standard_normal(count), slowness * _GRID)
    scale = (2 * np.sqrt(np.pi) * slowness * _GRID) ** 0.5  # standard deviation of smoothed white noise, inverted
    return np.interp(times + 4 * slowness, np.arange(count) / _GRID, smooth * scale * size)


def _blinks(end: float, draw: np.random.Generator) -> tuple[tuple[float, float], ...]:
    found = []
    time = float(draw.exponential(2.0))
    while time < end:
        length = float(draw.uniform(0.18, 0.34))
        found.append((round(time, 3), round(time + length, 3)))
        time += length + 0.4 + float(draw.exponential(2.6))
    return tuple(found)


def _lids(times: np.ndarray, blinks: tuple[tuple[float, float], ...]) -> np.ndarray:
    closed = np.zeros(len(times))
    for start, end in blinks:
        phase = (times - start) / (end - start)
        # lids fall faster than they rise
        curve = np.minimum(phase / 0.3, (1 - phase) / 0.5).clip(0, 1)
        closed = np.maximum(closed, curve)
    return closed


def _gaze(times: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Steps: eyes jump and stay."""
    count = int(times[-1] / 1.2) + 2
    jumps = np.sort(draw.uniform(0, times[-1] + 1, count))
    places = np.concatenate([[0.0], draw.normal(0, 0.3, count)]).clip(-1, 1)
    return places[np.searchsorted(jumps, times)]
