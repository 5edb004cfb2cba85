"""From a distance matrix to a curve, and from a curve to an offset with a confidence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avsync import clock

NEAR = 15
"""Frames around the minimum on which a longer curve is read: chances were fitted on ±15, and what lies far away (other
words, other people) makes no answer surer."""


@dataclass(frozen=True)
class Estimate:
    """What a curve says.

    Attributes:
        offset: Seconds, positive when the audio is early; finer than a frame.
        frames: The candidate with the smallest distance, whole frames.
        confidence: Median of the curve minus its minimum, SyncNet's definition; in the model's units of distance. Of
            a curve longer than that of ±15, the part around the minimum counts.
        curve: (2 search + 1,) mean distance for offsets -search...+search, see :class:`Sums`; NaN where nothing was
            compared.
        windows: Windows of 0.2 s behind it, those that reach this offset, each counted by its weight (0...1).
        centre: Offset in frames that the middle of the curve stands for.
    """

    offset: float
    frames: int
    confidence: float
    curve: Tensor
    windows: float
    centre: int = 0

    @property
    def search(self) -> int:
        """Largest offset tried, in frames."""
        return len(self.curve) // 2

    @property
    def candidates(self) -> int:
        """Offsets that were compared."""
        return int((~self.curve.isnan()).sum())

    @property
    def at_edge(self) -> bool:
        """Whether it is the first or last offset that was compared: the smallest distance may lie beyond."""
        best, known = self.frames - self.centre + self.search, ~self.curve.isnan()
        return not (known[:best].any() and known[best + 1 :].any())

    def near(self, frames: int) -> Estimate | None:
        """What the curve says within ±15 frames of an offset; None when nothing was compared there."""
        first = max(0, frames - self.centre + self.search - NEAR)
        part = self.curve[first : first + 2 * NEAR + 1].float()
        if part.isnan().all():
            return None
        return read_curve(part, self.windows, first - self.search + self.centre + len(part) // 2)


class Sums:
    """A curve in the making: pieces of any number of windows, in the memory of one.

    An offset is compared on the windows that reach it. One that fewer than a third of the best reached offset's
    windows reach (only the ends of a short clip would speak for it) is not a candidate. A mean of fewer windows errs
    more, as the root of their number, and would be lowest for that alone: it is moved as much nearer to the median.
    """

    def __init__(self) -> None:
        self._distance: Tensor | None = None
        self._weight: Tensor | None = None

    def add(self, distances: Tensor, weight: Tensor) -> None:
        """Take more windows.

        Args:
            distances: (N, 2 search + 1) from :func:`~avsync.alignment.distances.distance_matrix`.
            weight: (N,) >= 0, how much each window has to say.
        """
        weights = weight.to(distances)[:, None] * ~distances.isnan()
        distance = (distances.nan_to_num() * weights).sum(dim=0, dtype=torch.float64)
        total = weights.sum(dim=0, dtype=torch.float64)
        self._distance = distance if self._distance is None else self._distance + distance
        self._weight = total if self._weight is None else self._weight + total

    def estimate(self) -> Estimate | None:
        """What all of them say; None when no window has anything to say."""
        if self._distance is None or self._weight is None or self._weight.max() <= 0:
            return None
        reach = self._weight / self._weight.max()
        curve = (self._distance / self._weight).float().masked_fill(reach < 1 / 3, float("nan"))
        curve = torch.lerp(curve.nanmedian().expand_as(curve), curve, reach.sqrt().float())
        best = int(curve.nan_to_num(nan=float("inf")).argmin())
        return read_curve(curve, windows=float(self._weight[best]))


def estimate(distances: Tensor, weight: Tensor | None = None) -> Estimate | None:
    """Weigh the windows, average them (see :class:`Sums`) and read the offset.

    Args:
        distances: (N, 2 search + 1) from :func:`~avsync.alignment.distances.distance_matrix`.
        weight: (N,) >= 0, how much each window has to say; None for all alike.

    Returns:
        The estimate, or None when no window has anything to say.
    """
    sums = Sums()
    if len(distances):
        sums.add(distances, torch.ones(len(distances)) if weight is None else weight)
    return sums.estimate()


def read_curve(curve: Tensor, windows: float, centre: int = 0) -> Estimate:
    """The offset at the minimum of a curve, between frames by the parabola through it and its neighbours.

    Args:
        curve: As :class:`Estimate` holds it.
        windows: The same.
        centre: The same.
    """
    filled = curve.nan_to_num(nan=float("inf"))
    best = int(filled.argmin())
    around = curve[max(0, best - NEAR) : best + NEAR + 1] if len(curve) > 2 * NEAR + 1 else curve
    confidence = float(around.nanmedian() - curve[best])
    frames = best - len(curve) // 2 + centre
    return Estimate(clock.seconds(frames + _vertex(filled, best)), frames, confidence, curve, windows, centre)


def _vertex(curve: Tensor, best: int) -> float:
    """Where between its neighbours (-0.5...0.5) the parabola through three points has its minimum."""
    if best in (0, len(curve) - 1):
        return 0.0
    left, here, right = (float(value) for value in curve[best - 1 : best + 2])
    bend = left - 2 * here + right
    if not 0 < bend < float("inf"):
        return 0.0
    return 0.5 * (left - right) / bend
