"""The simplest model that explains offsets over time: constant, constant per shot, a line, or none of these.

Every point is right with its own chance, and then off by a small normal error; else it is anywhere in the search range.
So wild points pull at nothing, and models of any kind are compared by one likelihood. A model pays for each of its
numbers what the Bayesian information criterion asks, and at least as much as an error of three standard deviations:
points of one face share errors that the criterion takes for independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

SMALLEST_STEP = 0.020
"""Seconds: half a frame; nobody repairs less."""

UNCALIBRATED = 0.7
"""Chance of a point where no calibration states one."""

_LEAST_ERROR, _MOST_ERROR = 0.003, 0.025
_GRID = 0.002
_PRICE = 9.0
_STEEPEST = 0.06
_EXPLAINED = 0.5
_FEW = 5
_MOST_STEPS = 150


@dataclass(frozen=True)
class Points:
    """Offsets over time.

    Attributes:
        time: (n,) s, rising.
        offset: (n,) s.
        chance: (n,) that each is right.
        span: Seconds over which a wrong one may lie.
    """

    time: np.ndarray
    offset: np.ndarray
    chance: np.ndarray
    span: float

    @property
    def error(self) -> float:
        """Standard deviation of a right point, s: from how neighbours differ, beyond their common trend."""
        sure = self.chance >= 0.5
        if sure.sum() < 4:
            return 0.006
        steps = np.diff(self.offset[sure])
        spread = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)
        return min(max(spread, _LEAST_ERROR), _MOST_ERROR)

    def likelihood(self, expected: np.ndarray) -> np.ndarray:
        """Log of the density of each point's offset where ``expected`` is true: (n,), or (n or 1, m) for m models."""
        offset, trust = self.offset, self.chance.clip(0.02, 0.98)
        if expected.ndim == 2:
            offset, trust = offset[:, None], trust[:, None]
        normal = np.exp(-0.5 * ((offset - expected) / self.error) ** 2) / (self.error * math.sqrt(2 * math.pi))
        return np.log(trust * normal + (1 - trust) / self.span)

    def right(self, expected: np.ndarray) -> np.ndarray:
        """(n,) how likely each point is a right one, given that ``expected`` (n,) is true."""
        wrong = (1 - self.chance.clip(0.02, 0.98)) / self.span
        return 1 - wrong / np.exp(self.likelihood(expected))


@dataclass(frozen=True)
class Model:
    """What explains the points.

    Attributes:
        kind: ``constant``, ``steps``, ``linear`` or ``irregular``.
        starts: Seconds from which each level holds; the first is -inf.
        levels: Seconds of offset then; of a line: at ``middle``.
        slope: Seconds a second.
        slope_error: Its standard deviation.
        middle: Where a line's level is told, s.
        score: Log likelihood less the price of its numbers.
    """

    kind: str
    starts: tuple[float, ...]
    levels: tuple[float, ...]
    slope: float = 0.0
    slope_error: float = math.inf
    middle: float = 0.0
    score: float = -math.inf

    def at(self, time: np.ndarray) -> np.ndarray:
        """Offset at (n,) times, s."""
        place = np.searchsorted(np.array(self.starts), time, side="right") - 1
        return np.array(self.levels)[place.clip(0)] + self.slope * (np.asarray(time) - self.middle)


def explain(points: Points, cuts: Sequence[float]) -> Model:
    """The simplest model.

    Args:
        points: At least one.
        cuts: Seconds at which a step may be.
    """
    models = [_levels(points, [], "constant"), _levels(points, cuts, "steps"), _line(points)]
    best = max(models, key=lambda model: model.score)
    if agreement(points, best) < _EXPLAINED and (points.chance >= 0.5).sum() >= _FEW:
        return replace(best, kind="irregular")
    anywhere = [(a + b) / 2 for a, b in pairwise(points.time) if b > a]
    free = _levels(points, anywhere[:: -(-len(anywhere) // _MOST_STEPS)] if anywhere else [], "irregular")
    # a step between cuts is rarer than one at a cut
    return free if free.score - _PRICE > best.score else best


def agreement(points: Points, model: Model) -> float:
    """Of the points that should be right by their chances, how many agree with a model, 0...1."""
    return float((points.chance * points.right(model.at(points.time))).sum() / points.chance.sum())


def _price(points: Points, numbers: int) -> float:
    return 0.5 * numbers * max(math.log(len(points.time)), _PRICE)


def _levels(points: Points, cuts: Sequence[float], kind: str) -> Model:
    """The best levels between the best of ``cuts``, by dynamic programming over them (optimal partition)."""
    low, high = points.offset.min() - _GRID, points.offset.max() + _GRID
    grid = np.linspace(low, high, max(2, min(1000, round((high - low) / _GRID))))
    edges = sorted({int(np.searchsorted(points.time, cut)) for cut in cuts} - {0, len(points.time)})
    edges = [0, *edges, len(points.time)]
    sums = np.concatenate([np.zeros((1, len(grid))), points.likelihood(grid[None]).cumsum(axis=0)])[edges]
    step = _price(points, 2) + math.log(max(1, len(edges) - 2))
    best, before = [0.0], [0]
    for last in range(1, len(edges)):
        found = np.array(best) + (sums[last] - sums[:last]).max(axis=1) - step
        before.append(int(found.argmax()))
        best.append(float(found.max()))
    parts = [len(edges) - 1]
    while parts[0]:
        parts.insert(0, before[parts[0]])
    parts = _distinct(parts, sums, grid)
    starts, levels = [-math.inf], []
    for first, last in pairwise(parts):
        level = float(grid[(sums[last] - sums[first]).argmax()])
        levels.append(_level(points, slice(edges[first], edges[last]), level))
    for part in parts[1:-1]:
        between = [cut for cut in cuts if points.time[edges[part] - 1] < cut <= points.time[edges[part]]]
        starts.append(float(between[-1]))
    found = Model(kind, tuple(starts), tuple(levels))
    if kind != "constant" and len(levels) == 1:
        return found  # that is tried already
    score = float(points.likelihood(found.at(points.time)).sum())
    return replace(found, score=score - _price(points, 1) - step * (len(levels) - 1))


def _distinct(parts: list[int], sums: np.ndarray, grid: np.ndarray) -> list[int]:
    """Without the steps that are too small to matter, the smallest first."""
    while len(parts) > 2:
        levels = [float(grid[(sums[b] - sums[a]).argmax()]) for a, b in pairwise(parts)]
        steps = np.abs(np.diff(levels))
        if steps.min() >= SMALLEST_STEP:
            break
        del parts[int(steps.argmin()) + 1]
    return parts


def _level(points: Points, part: slice, level: float) -> float:
    """The mean of the right ones, finer than the grid."""
    for _ in range(5):
        weight = points.right(np.full(len(points.time), level))[part]
        if weight.sum() < 1e-3:
            return level
        level = float(np.average(points.offset[part], weights=weight))
    return level


def _line(points: Points) -> Model:
    """The best line through two points, then through all that agree with it."""
    count, middle = len(points.time), float(points.time.mean())
    draw = np.random.default_rng(0)
    sure = points.chance / points.chance.sum()
    pairs = draw.choice(count, (600, 2), p=sure)
    apart = points.time[pairs[:, 1]] - points.time[pairs[:, 0]]
    pairs = pairs[np.abs(apart) > 0.1 * np.ptp(points.time)]
    if not len(pairs) or count < 4:
        return Model("linear", (-math.inf,), (0.0,))
    slopes = np.diff(points.offset[pairs], axis=1)[:, 0] / np.diff(points.time[pairs], axis=1)[:, 0]
    levels = points.offset[pairs[:, 0]] - slopes * (points.time[pairs[:, 0]] - middle)
    fits = points.likelihood(levels[None] + slopes[None] * (points.time[:, None] - middle)).sum(axis=0)
    fits[np.abs(slopes) > _STEEPEST] = -math.inf
    level, slope = float(levels[fits.argmax()]), float(slopes[fits.argmax()])
    error = math.inf
    for _ in range(10):
        level, slope, error = _weighted(points, level, slope, middle)
    score = float(points.likelihood(level + slope * (points.time - middle)).sum()) - _price(points, 2)
    right = float(points.right(level + slope * (points.time - middle)).sum())
    # the error itself is uncertain when it comes from few points
    if right < _FEW or abs(slope) < (3 + 12 / right) * error:
        score = -math.inf
    return Model("linear", (-math.inf,), (level,), slope, error, middle, score)


def _weighted(points: Points, level: float, slope: float, middle: float) -> tuple[float, float, float]:
    """One step of weighted least squares: level, slope, and the slope's standard deviation."""
    weight = points.right(level + slope * (points.time - middle))
    if weight.sum() < 2:
        return level, slope, math.inf
    x = points.time - middle
    centre = float(np.average(x, weights=weight))
    spread = float((weight * (x - centre) ** 2).sum())
    mean = float(np.average(points.offset, weights=weight))
    slope = float((weight * (x - centre) * (points.offset - mean)).sum()) / max(spread, 1e-9)
    level = mean - slope * centre
    rest = points.offset - level - slope * x
    error = math.sqrt(float((weight * rest**2).sum()) / max(float(weight.sum()) - 2, 1))
    return level, slope, max(error, _LEAST_ERROR) / math.sqrt(max(spread, 1e-9))
