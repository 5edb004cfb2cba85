"""The offset inside a piece: a path through its distances by dynamic time warping, and what runs along it say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.chance import Chance, likelihood
from avsync.alignment.offset import Estimate, estimate

RUN_WINDOWS = 96
"""Windows that answer together, 4 s of picture: long enough for a stranger's face, short enough for 1000 ppm."""

_SMOOTH = 25
_BEND = 5.0
"""Cost of moving by one frame, in windows of the depth of the curve: five windows must gain all that there is."""

_STEPS = np.array([[1, 1], [1, 2], [2, 1]])


@dataclass(frozen=True)
class Run:
    """What some seconds of one face say.

    Attributes:
        track: The face in its shot.
        time: Of the middle, s on the file clock.
        found: Its estimate; ``found.offset`` counts from ``base``.
        base: Frames around which the curve was read.
        still: (C,) the curve of the same windows if the offset stays the same, around ``centre``.
        centre: Frames that its middle stands for.
        chance: That the offset is right within ±1 frame, None without calibration.
    """

    track: int
    time: float
    found: Estimate
    base: int
    still: Tensor
    centre: int
    chance: float | None

    @property
    def offset(self) -> float:
        """Seconds, positive when the audio is early."""
        return clock.seconds(self.base) + self.found.offset


def warped(distances: Tensor, weight: Tensor) -> np.ndarray:
    """The offset of every window of a piece: the cheapest path whose slope is bounded.

    Dynamic time warping of picture against sound (Sakoe and Chiba, 1978) in a band: a step goes one window on in both,
    or, at a price, two in one of them. Smoothing over a second keeps single windows, which know little, from pulling.

    Args:
        distances: (N, C) around the middle column; NaN where nothing was compared.
        weight: (N,) what each window has to say.

    Returns:
        (N,) int, columns from the middle.
    """
    from librosa.sequence import dtw  # imports numba, which takes seconds

    count, columns = distances.shape
    smooth = _smoothed(distances, weight)
    depth = float(np.median(np.median(smooth, axis=1) - smooth.min(axis=1))) + 1e-6
    far = float(smooth.max()) + 10 * depth
    cost = np.full((count, count + columns - 1), far)
    rows, column = np.arange(count)[:, None], np.arange(columns)[None]
    cost[rows, rows + columns - 1 - column] = smooth  # an early sound lies to the left
    price = np.array([0.0, _BEND * depth, _BEND * depth])
    path = dtw(C=cost, subseq=True, step_sizes_sigma=_STEPS, weights_add=price, weights_mul=np.array([1.0, 1.0, 2.0]))[
        1
    ][::-1]
    found = np.interp(np.arange(count), path[:, 0], path[:, 0] + columns - 1 - path[:, 1])
    return np.round(found).astype(int).clip(0, columns - 1) - columns // 2


def _smoothed(distances: Tensor, weight: Tensor) -> np.ndarray:
    """Weighted means over a second, each row as far as it reaches; what was not compared counts as the worst."""
    reached = (~distances.isnan()).float() * (weight[:, None] + 1e-3)
    kernel = torch.ones(1, 1, min(_SMOOTH, 2 * (len(distances) // 2) + 1))
    pad = kernel.shape[-1] // 2

    def total(values: Tensor) -> Tensor:
        return torch.nn.functional.conv1d(values.T[:, None], kernel, padding=pad)[:, 0].T

    mean = total(distances.nan_to_num() * reached) / total(reached)
    worst = float(distances.nan_to_num(nan=-1.0).max())
    return mean.masked_fill(distances.isnan(), worst).double().numpy()


def runs(  # noqa: PLR0913 - a piece with all that is known of it
    track: int, start: float, distances: Tensor, weight: Tensor, centre: int, chance: Chance | None
) -> Iterator[Run]:
    """What runs of 4 s along the path say; a shorter piece is one run, a rest of less than 2 s goes to the run before.

    Args:
        track: Number of the face.
        start: Seconds on the file clock.
        distances: (N, C).
        weight: (N,).
        centre: Frames that the middle column stands for.
        chance: The network's calibration.
    """
    path = warped(distances, weight)
    pieces = max(1, round(len(distances) / RUN_WINDOWS))
    for rows in np.array_split(np.arange(len(distances)), pieces):
        base = int(np.median(path[rows]))
        found = estimate(shifted(distances[rows], path[rows]), weight[rows])
        still = estimate(distances[rows], weight[rows])
        if found is not None and still is not None:
            middle = clock.seconds((rows[0] + rows[-1] + clock.WINDOW_FRAMES) / 2)
            # the path wanders by a frame inside a run: its mean, not only its middle, is what the run says
            drift = float(np.average(path[rows], weights=weight[rows].numpy() + 1e-6)) - base
            moved = replace(found, offset=found.offset + clock.seconds(drift))
            likely = likelihood(found, chance)
            yield Run(track, start + middle, moved, base + centre, still.curve, centre, likely)


def shifted(curves: Tensor, by: np.ndarray) -> Tensor:
    """(n, C) curves, each with the column in its middle that was (n,) ``by`` after it; NaN where it does not reach."""
    columns = curves.shape[1]
    index = torch.arange(columns)[None] + torch.from_numpy(by)[:, None]
    moved = curves.gather(1, index.clamp(0, columns - 1))
    return moved.masked_fill((index < 0) | (index >= columns), float("nan"))
