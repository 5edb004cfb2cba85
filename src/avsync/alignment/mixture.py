"""Where to draw the line between clips that match and clips that do not, from their scores alone.

The scores of a set are a mixture of two kinds. What one of them looks like is known without labels: wrong pairings can
be made at will (Efron's empirical null). So expectation maximisation finds the share of bad clips and what the good
ones look like, while the wrong pairings hold the bad kind in its place. It may still move: a network that was trained
on bad clips knows them a little by heart, which lifts them above pairings that it never saw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

HOLD = 0.2
"""Weight of all wrong pairings together, in clips for every clip of the set."""
STEPS = 500


@dataclass(frozen=True)
class Mixture:
    """Two normal distributions of compressed scores (:func:`compress`).

    Attributes:
        share: Of bad clips, 0...1.
        bad: Mean and standard deviation.
        good: The same.
        threshold: The score below which a clip is more likely bad than good.
    """

    share: float
    bad: tuple[float, float]
    good: tuple[float, float]
    threshold: float


def compress(scores: np.ndarray) -> np.ndarray:
    """Scores near chance as they are, high ones by their logarithm: good clips spread as widely as they differ."""
    return np.arcsinh(scores)


def fit(scores: np.ndarray, wrong: np.ndarray) -> Mixture:
    """Share and shape of the two kinds, and the line between them.

    Args:
        scores: (N,) of clips of which some may be bad.
        wrong: (W,) of pairings that are bad for certain, some hundreds.

    Returns:
        With one kind alone there is no line: the threshold is ``-inf`` when it is the good one, and above 99 of 100
        wrong pairings when no clip stands out from them.
    """
    x, known = compress(scores), compress(wrong)
    bad = float(np.median(known)), _spread(known)
    chance = float(np.quantile(known, 0.99))
    above = x[x > chance]
    # the share above chance is that of wrong pairings: nothing stands out
    if len(above) <= max(1.0, 0.01 * len(x) + 3 * math.sqrt(0.01 * len(x))):
        return Mixture(1.0, bad, (chance, bad[1]), float(np.sinh(chance)))
    good = float(np.median(above)), max(_spread(above), bad[1] / 2)
    share, held = 0.5, HOLD * len(x)
    for _ in range(STEPS):
        belongs = _posterior(x, share, bad, good)
        before, share = share, float(belongs.mean())
        bad = _weighted(x, belongs, known, held)
        good = _weighted(x, 1 - belongs)
        good = good[0], max(good[1], bad[1] / 2)
        if abs(before - share) < 1e-6:
            break
    return Mixture(share, bad, good, _line(share, bad, good))


def _line(share: float, bad: tuple[float, float], good: tuple[float, float]) -> float:
    """The highest score between the two means at which bad is as likely as good."""
    grid = np.linspace(bad[0], good[0], 2001)
    doubtful = np.flatnonzero(_posterior(grid, share, bad, good) >= 0.5)
    return float(np.sinh(grid[doubtful[-1]])) if len(doubtful) else -math.inf


def _posterior(x: np.ndarray, share: float, bad: tuple[float, float], good: tuple[float, float]) -> np.ndarray:
    """The chance of being bad, for each of (N,)."""
    return 1 / (1 + np.exp(np.clip(_log(x, good, 1 - share) - _log(x, bad, share), -700, 700)))


def _log(x: np.ndarray, shape: tuple[float, float], share: float) -> np.ndarray:
    return math.log(max(share, 1e-12)) - math.log(shape[1]) - 0.5 * ((x - shape[0]) / shape[1]) ** 2


def _weighted(
    x: np.ndarray, weight: np.ndarray, known: np.ndarray | None = None, held: float = 0.0
) -> tuple[float, float]:
    """Mean and deviation of weighted values, together with known ones that weigh ``held`` in all."""
    if known is not None:
        x = np.concatenate([x, known])
        weight = np.concatenate([weight, np.full(len(known), held / len(known))])
    mean = float(np.average(x, weights=weight))
    return mean, max(math.sqrt(float(np.average((x - mean) ** 2, weights=weight))), 1e-3)


def _spread(x: np.ndarray) -> float:
    return max(1.4826 * float(np.median(np.abs(x - np.median(x)))), 1e-3)
