"""How likely an answer is right within a frame: a checkpoint's calibration, applied."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from avsync import clock

if TYPE_CHECKING:
    from avsync.alignment.offset import Estimate

MIN_CHANCE = 0.5
"""Answers that are likelier wrong than right are not given: they are undecided."""

SURE = 0.55
"""Chance that any face speaks, under which the voice is nobody's; chosen on real clips (experiments/speakers.md)."""

CANDIDATES = 31
"""Offsets that calibrations are fitted on."""


@dataclass(frozen=True)
class Chance:
    """Logistic regression that rises with the confidence, the steeper the more frames were averaged.

        log(p / (1 - p)) = bias + confidence · (slope + growth · log(frames / 5))

    Wrong matches have a confidence too, the lower the more frames: the same confidence says more on a longer clip.
    Of a dozen such forms (powers, logarithms, products) this one foretold unseen drawn talkers best. It is fitted on
    validation clips, some with sound that is not theirs (:mod:`avsync.evaluation.calibration`), and holds for footage
    such as those; on other footage it tells sure answers from unsure ones, no more.

    It is fitted on 31 candidates, offsets of ±15 frames. Among n times as many, chance has n times the occasions to
    put a deep minimum in a wrong place, and the right place is n times less likely beforehand: the odds are divided by
    n, as Bonferroni would. The confidence is that of ±15 frames around the minimum in any case.

    An answer at the edge of the search may be the slope of one beyond it: its chance is halved, so that none is given.

    Attributes:
        bias: In logits.
        slope: Of a single window, >= 0, in logits for a unit of confidence.
        growth: What it gains when the frames become e times as many, >= 0.
    """

    bias: float
    slope: float
    growth: float

    @classmethod
    def of(cls, calibration: dict[str, Any] | None) -> Chance | None:
        """That of a checkpoint's calibration, None when it has none."""
        told = (calibration or {}).get("chance")
        return cls(**told) if told else None

    def __call__(self, found: Estimate) -> float:
        """The chance, 0...1, that ``found`` is within ±1 frame of the truth."""
        confidence, grown = features(found)
        more = max(1.0, found.candidates / CANDIDATES)
        logit = self.bias + self.slope * confidence + self.growth * grown - math.log(more)
        likely = 1 / (1 + math.exp(-min(max(logit, -50.0), 50.0)))
        return likely / 2 if found.at_edge else likely


def likelihood(found: Estimate | None, chance: Chance | None) -> float | None:
    """The chance, 0...1, that an answer is within ±1 frame of the truth; None without an answer or a calibration."""
    return None if found is None or chance is None else chance(found)


def decided(likely: float | None, least: float) -> bool:
    """Whether an answer of that chance is likely enough to be given; without a calibration every one is."""
    return likely is None or likely >= least


def percent(likely: float) -> str:
    """A chance in words: nothing is certain."""
    return "over 99 %" if likely > 0.99 else f"{100 * likely:.0f} %"


def features(found: Estimate) -> tuple[float, float]:
    """An estimate's confidence, and that times log(frames / 5); n windows in a row are n + 4 frames."""
    frames = found.windows + clock.WINDOW_FRAMES - 1
    return found.confidence, found.confidence * math.log(frames / clock.WINDOW_FRAMES)
