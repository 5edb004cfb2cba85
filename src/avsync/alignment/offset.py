"""From a distance matrix to a curve, and from a curve to an offset with a confidence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from avsync import clock


@dataclass(frozen=True)
class Estimate:
    """What a curve says.

    Attributes:
        offset: Seconds, positive when the audio is early; finer than a frame.
        frames: The candidate with the smallest distance, whole frames.
        confidence: Median of the curve minus its minimum, SyncNet's definition; in the model's units of distance.
        curve: (2 search + 1,) mean distance for offsets -search...+search; NaN where nothing was compared.
        windows: Windows of 0.2 s behind it, each counted by its weight (0...1).
    """

    offset: float
    frames: int
    confidence: float
    curve: Tensor
    windows: float

    @property
    def search(self) -> int:
        """Largest offset tried, in frames."""
        return len(self.curve) // 2


def estimate(distances: Tensor, weight: Tensor | None = None) -> Estimate | None:
    """Weigh the windows, average them and read the offset.

    An offset is compared on the windows that reach it. One that fewer than a third of the best reached offset's
    windows reach (only the ends of a short clip would speak for it) is not a candidate.

    Args:
        distances: (N, 2 search + 1) from :func:`~avsync.alignment.distances.distance_matrix`.
        weight: (N,) >= 0, how much each window has to say; None for all alike.

    Returns:
        The estimate, or None when no window has anything to say.
    """
    if weight is None:
        weight = torch.ones(len(distances))
    reached = ~distances.isnan()
    weights = weight.to(distances)[:, None] * reached
    total = weights.sum(dim=0)
    if len(distances) == 0 or total.max() <= 0:
        return None
    curve = (distances.nan_to_num() * weights).sum(dim=0) / total
    curve = curve.masked_fill(total < total.max() / 3, float("nan"))
    return read_curve(curve, windows=float(total.max()))


def read_curve(curve: Tensor, windows: float) -> Estimate:
    """The offset at the minimum of a curve, between frames by the parabola through it and its neighbours."""
    filled = curve.nan_to_num(nan=float("inf"))
    best = int(filled.argmin())
    confidence = float(curve.nanmedian() - curve[best])
    frames = best - len(curve) // 2
    return Estimate(clock.seconds(frames + _vertex(filled, best)), frames, confidence, curve, windows)


def _vertex(curve: Tensor, best: int) -> float:
    """Where between its neighbours (-0.5...0.5) the parabola through three points has its minimum."""
    if best in (0, len(curve) - 1):
        return 0.0
    left, here, right = (float(value) for value in curve[best - 1 : best + 2])
    bend = left - 2 * here + right
    if not 0 < bend < float("inf"):
        return 0.0
    return 0.5 * (left - right) / bend
