"""How likely an answer is right within a frame: a checkpoint's calibration, applied."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from avsync import clock
from avsync.alignment.offset import Estimate

MIN_CHANCE = 0.5
"""Answers that are likelier wrong than right are not given: they are undecided."""

FAINTEST = 1e-6
"""Confidences below count as this: 0 has no logarithm."""


@dataclass(frozen=True)
class Chance:
    """Logistic regression on two logarithms; rises with both, so that more footage never makes an answer less sure.

        log(p / (1 - p)) = bias + confidence · log(median - minimum) + frames · log(frames averaged)

    Wrong matches have a confidence too, the higher the fewer frames were averaged: noise falls with the root of the
    number of windows that do not overlap, a power law, which is a line between logarithms. Fitted on validation clips,
    some of them with sound that is not theirs (:mod:`avsync.evaluation.calibration`), so it holds for footage such as
    those; on other footage it tells sure answers from unsure ones, no more.

    Attributes:
        bias: In logits.
        confidence: Slope, >= 0.
        frames: Slope, >= 0.
    """

    bias: float
    confidence: float
    frames: float

    @classmethod
    def of(cls, calibration: dict[str, Any] | None) -> Chance | None:
        """That of a checkpoint's calibration, None when it has none."""
        told = (calibration or {}).get("chance")
        return cls(**told) if told else None

    def __call__(self, found: Estimate) -> float:
        """The chance, 0...1, that ``found`` is within ±1 frame of the truth."""
        confidence, frames = features(found)
        logit = self.bias + self.confidence * confidence + self.frames * frames
        return 1 / (1 + math.exp(-min(max(logit, -50.0), 50.0)))


def features(found: Estimate) -> tuple[float, float]:
    """Logarithms of an estimate's confidence and of the frames behind it; n windows in a row are n + 4 frames."""
    return math.log(max(found.confidence, FAINTEST)), math.log(found.windows + clock.WINDOW_FRAMES - 1)
