"""One answer for a file out of those for its tracks: each face in each shot says something, some of it wrong.

Tracks are weighed by the chance that they are right, as far as it goes beyond that of a flat curve (without calibration
by their confidence), relative to the surest one: a face that listens, or an extra, has next to no weight, while ten
short shots that are each too short to decide speak together. What counts is the weighted mean of their curves, window
by window.

Tracks that are decided and contradict each other (a dubbed scene, an insert of another recording) are not averaged:
the answer with the most weight, chance times windows within ±1 frame, stands for the file, and the others, which keep
their own, are left out of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from avsync.alignment.chance import Chance, decided, likelihood
from avsync.alignment.offset import Estimate, Sums

AGREE = 1
"""Frames."""


@dataclass(frozen=True)
class Combined:
    """What tracks say together.

    Attributes:
        estimate: None when none has anything to say.
        chance: That it is right within ±1 frame; None without calibration.
        weights: Share of each track in it, which add up to 1; all 0 without an estimate.
    """

    estimate: Estimate | None
    chance: float | None
    weights: tuple[float, ...]


def combine(tracks: Sequence[tuple[Estimate | None, float | None]], chance: Chance | None, least: float) -> Combined:
    """Combine tracks as the module says.

    Args:
        tracks: Estimate and chance of each; all of the same search range.
        chance: Of the network that measured them, None without calibration.
        least: Chance from which a track counts as decided.
    """
    said = {i: (found, likely) for i, (found, likely) in enumerate(tracks) if found is not None}
    trust = _trust(said, chance)
    counts = {i: trust[i] * found.windows for i, (found, _) in said.items()}
    sure = {i: found.frames for i, (found, likely) in said.items() if decided(likely, least)}
    kept = {i: found for i, (found, _) in said.items() if i not in _outvoted(sure, counts)}
    found = _pooled(kept, counts)
    total = sum(counts[i] for i in kept)
    weights = tuple(counts[i] / total if i in kept else 0.0 for i in range(len(tracks)))
    return Combined(found, likelihood(found, chance), weights)


def _trust(said: Mapping[int, tuple[Estimate, float | None]], chance: Chance | None) -> dict[int, float]:
    """0...1, that of the surest is 1."""
    values = {
        i: found.confidence if likely is None or chance is None else likely - chance(replace(found, confidence=0.0))
        for i, (found, likely) in said.items()
    }
    least = 1e-9  # where no track has any confidence, all are alike
    return {i: max(value, least) / max(least, *values.values()) for i, value in values.items()}


def _outvoted(sure: Mapping[int, int], counts: Mapping[int, float]) -> set[int]:
    """Decided tracks, given by their frames, that contradict the answer of most weight."""
    votes = {
        place: sum(counts[i] for i, other in sure.items() if abs(other - place) <= AGREE) for place in sure.values()
    }
    answer = max(votes, key=lambda place: votes[place], default=0)
    return {i for i, place in sure.items() if abs(place - answer) > AGREE}


def _pooled(kept: Mapping[int, Estimate], counts: Mapping[int, float]) -> Estimate | None:
    if len(kept) == 1:  # as it was, to the last digit
        return next(iter(kept.values()))
    sums = Sums()
    for i, found in kept.items():
        sums.add(found.curve[None], torch.tensor([counts[i]]))
    return sums.estimate()
