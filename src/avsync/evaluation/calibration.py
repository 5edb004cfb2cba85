"""Calibration: the chance that an answer is right within a frame, fitted on one split and tried on another.

Runs of 5, 9, 15, 30, 55 and 105 frames of every clip are measured as a file is, and the clip as a whole. Users also
hand in files whose sound is not of that picture (dubbed, a voice-over), where no answer is right. So each clip is
measured with the sound of :data:`OTHERS` other clips as well, and those count as one file in twenty
(:data:`UNRELATED`). Without them a network that finds every validation clip would be sure of anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from avsync.alignment.chance import Chance, features
from avsync.alignment.distances import distance_matrix
from avsync.alignment.offset import Estimate, estimate
from avsync.data.pairs import TOLERANCE
from avsync.data.speech import speech_near
from avsync.evaluation.protocols import SEARCH

if TYPE_CHECKING:
    from avsync.evaluation.offsets import Measured

RUNS = (1, 5, 11, 26, 51, 101)
"""Windows of the runs."""

HOP = 5
"""Windows from run to run at least: nearer ones share most of their frames."""

UNRELATED, OTHERS = 0.05, 3
BINS = 10


@dataclass(frozen=True)
class Answers:
    """What was answered on E runs, and whether it was right.

    Attributes:
        found: E estimates.
        right: (E,) float, 1 where the answer is within ±1 frame of the truth.
        weight: (E,) float64; every clip and length counts the same, unrelated sound :data:`UNRELATED` of the whole.
    """

    found: list[Estimate]
    right: Tensor
    weight: Tensor


def answers(measured: Sequence[Measured]) -> Answers:
    """Measure runs of clips with their own sound and with that of others."""
    found: list[Estimate] = []
    right: list[float] = []
    weight: list[float] = []
    reach = min(OTHERS, len(measured) - 1)
    for index, clip in enumerate(measured):
        sounds = [(clip.distances, 1 - UNRELATED)]
        for step in range(1, reach + 1):
            other = measured[(index + step) % len(measured)]
            sounds.append((distance_matrix(clip.video, other.audio, SEARCH), UNRELATED / reach))
        for own, (distances, share) in enumerate(sounds):
            for runs in _runs(distances, speech_near(clip.speech, SEARCH)):
                found += runs
                right += [float(own == 0 and abs(run.frames - clip.true) <= TOLERANCE) for run in runs]
                weight += [share / len(runs)] * len(runs)
    return Answers(found, torch.tensor(right), torch.tensor(weight, dtype=torch.float64))


def _runs(distances: Tensor, weight: Tensor) -> Iterator[list[Estimate]]:
    """Estimates of the runs of each length, from windows whose search range stays in the clip; then of all of it."""
    whole = ~distances.isnan().any(dim=1)
    inner, said = distances[whole], weight[: len(distances)][whole]
    for windows in RUNS:
        starts = range(0, len(inner) - windows + 1, max(windows, HOP))
        found = [estimate(inner[first : first + windows], said[first : first + windows]) for first in starts]
        if runs := [run for run in found if run is not None]:
            yield runs
    if (all_of_it := estimate(distances, weight[: len(distances)])) is not None:
        yield [all_of_it]


def fit_chance(given: Answers) -> Chance:
    """The chance that fits answers best.

    Targets are Platt's ("Probabilistic outputs for support vector machines", 1999), a little inside 0 and 1, as much as
    the number of answers warrants: where right and wrong are told apart without an error it is still not certain.

    Args:
        given: Answers on validation clips; empty ones give a chance of one half.
    """
    x = torch.tensor([features(run) for run in given.found], dtype=torch.float64).reshape(-1, 2)
    unit = x[:, 0].mean().clamp(min=1e-9) if given.found else torch.ones(())  # networks differ in their distances
    total, good = given.weight.sum(), (given.weight * given.right).sum()
    target = torch.where(given.right > 0, (good + 1) / (good + 2), 1 / (total - good + 2))
    free = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([free], max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        logit = free[0] + x / unit @ F.softplus(free[1:])  # both slopes above 0
        value = (given.weight * F.binary_cross_entropy_with_logits(logit, target, reduction="none")).sum()
        value.backward()
        return value

    if given.found:
        optimizer.step(loss)
    slope, growth = (F.softplus(free[1:].detach()) / unit).tolist()
    return Chance(float(free[0].detach()), slope, growth)


@dataclass(frozen=True)
class Bin:
    """Answers whose stated chance lies in one tenth of 0...1.

    Attributes:
        stated: Their mean stated chance.
        observed: Share of them that was right.
        weight: Share of all answers that they are.
    """

    stated: float
    observed: float
    weight: float


def reliability(chance: Chance, given: Answers) -> list[Bin]:
    """Stated chance beside the share that was right, for every bin that holds answers."""
    stated = torch.tensor([chance(run) for run in given.found], dtype=torch.float64)
    place = (stated * BINS).long().clamp(max=BINS - 1)
    bins = []
    for number in place.unique().tolist():
        weight = given.weight * (place == number)
        mass = weight.sum()
        said, was = (float((weight * value).sum() / mass) for value in (stated, given.right))
        bins.append(Bin(said, was, float(mass / given.weight.sum())))
    return bins


def expected_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error (Naeini et al., AAAI 2015): mean distance of stated and observed, 0...1."""
    return sum(row.weight * abs(row.stated - row.observed) for row in bins)
