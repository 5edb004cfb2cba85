"""From scores to verdicts: keep, drop or correct, with the reason in the field's words."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from avsync import clock
from avsync.alignment.mixture import Mixture, fit
from avsync.data.clips import Settings
from avsync.data.pairs import TOLERANCE
from avsync.data.verdicts import CORRECTED, DROP, KEEP

SILENCE_DB = -60.0
"""Loud parts below this are no sound: the quietest speech in the field's data sets lies above -45 dB."""
STILL = Settings.min_motion
"""Grey levels of 255 from frame to frame, as in preparation."""
LUCKY = 0.99
"""Share of wrong pairings that stay below what their best offset has to reach to be believed."""


@dataclass(frozen=True)
class Line:
    """What divides a set, all of it measured on the set.

    Attributes:
        mixture: The two kinds; its threshold divides those in sync from the rest.
        shifted: Score that the best of all offsets has to reach for a clip to count as shifted.
        false_keep: Share of wrong pairings that would be kept.
    """

    mixture: Mixture
    shifted: float
    false_keep: float

    def about(self) -> dict[str, Any]:
        """Plain values, for the table's metadata."""
        return {"threshold": self.mixture.threshold, **asdict(self)}


def draw_line(rows: list[dict[str, Any]]) -> Line:
    """The line of a set of scored clips, see :func:`avsync.alignment.scores.score`."""
    told = [row for row in rows if _nothing(row) is None]  # silence and photographs need no network
    if not told:
        nothing = Mixture(1.0, (0.0, 1.0), (0.0, 1.0), 0.0)
        return Line(nothing, math.inf, 0.0)
    wrong = np.array([value for row in told for value in row["wrong"]])
    best = np.array([value for row in told for value in row["wrong_best"]])
    mixture = fit(np.array([row["score"] for row in told]), wrong)
    shifted = max(float(np.quantile(best, LUCKY)), mixture.threshold)
    return Line(mixture, shifted, float(np.mean(wrong >= mixture.threshold)))


def judge(row: dict[str, Any], line: Line, correct: int = 0) -> tuple[str, str]:
    """Verdict and reason on one clip.

    Args:
        row: Of :func:`avsync.alignment.scores.score`.
        line: Of its set.
        correct: Frames up to which a clip that is shifted is corrected instead of dropped.
    """
    if nothing := _nothing(row):
        return DROP, nothing
    offset = row["offset"]
    if abs(offset) > TOLERANCE and row["best"] >= line.shifted:
        said = f"shifted by {offset:+d} frames: {clock.describe(clock.seconds(offset))}"
        return (CORRECTED if abs(offset) <= correct else DROP), said
    if row["score"] < line.mixture.threshold:
        return DROP, "no match: another voice, another face, or shifted beyond the search"
    return KEEP, ""


def _nothing(row: dict[str, Any]) -> str | None:
    """What a clip lacks that there is to match."""
    if row["level"] < SILENCE_DB or row["speech"] == 0:
        return "silence"
    if row["motion"] < STILL:
        return "still face"
    return None if math.isfinite(row["score"]) else "nothing to compare"


def in_short(reason: str) -> str:
    """A reason without what is particular to a clip: silence, still face, shifted, no match or nothing to compare."""
    return reason.split(":")[0].split(" by ")[0]


def summary(rows: list[dict[str, Any]]) -> str:
    """How many clips have which verdict, in words."""
    verdicts = Counter(row["verdict"] for row in rows)
    reasons = Counter(in_short(row["reason"]) for row in rows if row["verdict"] == DROP)
    why = ", ".join(f"{reason} {number}" for reason, number in reasons.most_common())
    parts = [f"{verdicts[KEEP]} kept", f"{verdicts[DROP]} dropped" + (f" ({why})" if why else "")]
    parts += [f"{verdicts[CORRECTED]} corrected"] if verdicts[CORRECTED] else []
    return f"{len(rows)} clips: {', '.join(parts)}"
