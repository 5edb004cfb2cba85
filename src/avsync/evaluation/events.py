"""Events: when in the clip does the sound belong to the picture?

Every ``hop`` seconds the picture is compared with the sound around it; where the cosine is above one threshold, fitted
on validation, something that is seen is heard. Stretches closer than ``JOIN`` are one, in the truth as in the answer:
hits in a row are an event. Labels play no part.

    segment_f1        over all segments of ``hop`` seconds of all clips: one is an event's when its middle lies in it;
                      F1 of the answer's segments against the truth's (Mesaros et al., Applied Sciences 2016). Saying
                      always yes reaches ``segment_f1_chance``
    event_f1          F1 of onsets: an event is found when one begins within 200 ms of it, each counted once
    onset_error_ms    median over events of the time to the nearest onset of the answer; the clip's length if none
    average_precision of the cosines over segments, without any threshold; chance is ``share``, that of the segments
                      that are an event's
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torchmetrics.functional.classification import binary_average_precision

from avsync import clock
from avsync.data.events import events_of
from avsync.data.shards import OpenClip
from avsync.errors import AvsyncError
from avsync.evaluation.embeddings import Found, Row, Split, embed_moments
from avsync.evaluation.scene_pages import event_figures

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae

COLLAR = 0.2
"""Seconds by which an onset may be off."""
JOIN = 0.3
"""Seconds of nothing that do not end an event."""

Stretch = tuple[float, float]
"""Beginning and end, seconds of the clip."""


@dataclass(frozen=True)
class Line:
    """A clip's cosines over time, and when something sounded.

    Attributes:
        key: Of the clip.
        hop: Seconds from one to the next; the first is of the middle of the first segment.
        scores: (T,) cosines.
        truth: Stretches in which something that is seen sounds, joined.
    """

    key: str
    hop: float
    scores: np.ndarray
    truth: list[Stretch]

    @property
    def seconds(self) -> float:
        """How long the clip is, in whole segments."""
        return len(self.scores) * self.hop

    def sounding(self) -> np.ndarray:
        """(T,) bool, the segments of the truth."""
        return segments(self.truth, len(self.scores), self.hop)


def joined(stretches: Sequence[Stretch], gap: float = JOIN) -> list[Stretch]:
    """Stretches in order, those closer than ``gap`` seconds made one.

    Example:
        >>> joined([(2.0, 3.0), (0.0, 1.0), (1.1, 1.5)])
        [(0.0, 1.5), (2.0, 3.0)]
    """
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start - found[-1][1] < gap:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def segments(stretches: Sequence[Stretch], count: int, hop: float) -> np.ndarray:
    """(count,) bool: segments of ``hop`` seconds whose middle lies in a stretch."""
    middles = (np.arange(count) + 0.5) * hop
    inside = np.zeros(count, bool)
    for start, end in stretches:
        inside |= (middles >= start) & (middles < end)
        if end - start < hop and 0 <= start < count * hop:  # shorter than a segment: the one it begins in
            inside[int(start / hop)] = True
    return inside


def detected(scores: np.ndarray, threshold: float, hop: float) -> list[Stretch]:
    """Stretches of segments whose score is ``threshold`` or more, joined."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], scores >= threshold, [False]]).astype(int)))
    return joined([(float(first * hop), float(last * hop)) for first, last in edges.reshape(-1, 2)])


def f1(hits: float, found: float, true: float) -> float:
    """F1 from counts; 1 where there was nothing and nothing was found."""
    return 2 * hits / (found + true) if found + true else 1.0


def matched(found: Sequence[float], true: Sequence[float], collar: float = COLLAR) -> int:
    """The most pairs of a found and a true onset within ``collar``, each in one pair; both in order.

    Example:
        >>> matched([0.9, 1.1], [1.0, 5.0])
        1
    """
    pairs, k, collar = 0, 0, collar + 1e-6  # sums of hops are rounded
    for onset in true:
        while k < len(found) and found[k] < onset - collar:
            k += 1
        if k < len(found) and found[k] <= onset + collar:
            pairs, k = pairs + 1, k + 1
    return pairs


def segment_counts(lines: Sequence[Line], threshold: float) -> tuple[int, int, int]:
    """Segments of events that were found, segments that were found, segments of events."""
    hits = found = true = 0
    for line in lines:
        truth = line.sounding()
        said = segments(detected(line.scores, threshold, line.hop), len(truth), line.hop)
        hits, found, true = hits + int((said & truth).sum()), found + int(said.sum()), true + int(truth.sum())
    return hits, found, true


def event_scores(lines: Sequence[Line], threshold: float) -> dict[str, float]:
    """What the module's text defines, over all clips together, and how many ``events`` there are."""
    pairs = starts = events = 0
    errors: list[float] = []
    for line in lines:
        onsets = np.array([start for start, _ in detected(line.scores, threshold, line.hop)])
        asked = [start for start, _ in line.truth]
        pairs, starts, events = pairs + matched(onsets.tolist(), asked), starts + len(onsets), events + len(asked)
        errors += [float(np.abs(onsets - onset).min()) if len(onsets) else line.seconds for onset in asked]
    hits, found, true = segment_counts(lines, threshold)
    total = sum(len(line.scores) for line in lines)
    return {
        "segment_f1": f1(hits, found, true),
        "segment_f1_chance": f1(true, total, true),
        "event_f1": f1(pairs, starts, events),
        "onset_error_ms": 1000 * float(np.median(errors)) if errors else 0.0,
        "average_precision": ranking(lines),
        "share": true / total,
        "events": events,
    }


def ranking(lines: Sequence[Line]) -> float:
    """Average precision of the cosines over all segments; 0 where nothing sounds."""
    truth = torch.from_numpy(np.concatenate([line.sounding() for line in lines]))
    scores = torch.from_numpy(np.concatenate([line.scores for line in lines]))
    if not truth.any():
        return 0.0
    return float(binary_average_precision((scores + 1) / 2, truth.long()))


def fit_threshold(lines: Sequence[Line]) -> float:
    """Where the segments' F1 is highest, among a hundred quantiles of the cosines; 0 where there are none."""
    if not lines:
        return 0.0
    scores = np.concatenate([line.scores for line in lines])
    thresholds = np.unique(np.quantile(scores, np.linspace(0, 1, 101)))
    return float(max(thresholds, key=lambda threshold: f1(*segment_counts(lines, float(threshold)))))


class Events:
    """Sound events found by how well sound and picture agree.

    Args:
        hop: Seconds from one comparison to the next.
    """

    name = "events"
    splits = ("val", "test")

    def __init__(self, hop: float = 0.2):
        if hop <= 0:
            raise AvsyncError(f"events.hop={hop} is no time from one comparison to the next; give seconds, such as 0.2")
        self.hop = hop

    def look(self, net: CavMae, clip: OpenClip) -> Line | None:
        """A clip's cosines; None where nothing is known about its events."""
        if "events" not in clip.meta:
            return None
        length = clock.seconds(len(clip.frames))
        times = (np.arange(max(1, int(length / self.hop + 1e-6))) + 0.5) * self.hop
        shown = np.minimum((times * clock.FPS).astype(int), len(clip.frames) - 1)
        video, audio = embed_moments(net, clip, shown)
        truth = joined([(start, end) for start, end, _ in events_of(clip.meta)])
        return Line(clip.key, self.hop, (video * audio).sum(1).numpy(), truth)

    def __call__(self, net: CavMae, splits: Mapping[str, Split]) -> Found:
        """Fit the threshold on ``val`` and measure on ``test``."""
        known, asked = ([line for line in splits[name].looks[self.name] if line] for name in ("val", "test"))
        if not asked:
            return Found({}, page=["<p>No clip says when something sounds: events were not measured.</p>"])
        threshold = fit_threshold(known)
        scores = event_scores(asked, threshold)
        rows = [
            Row("segments, F1", f"{scores['segment_f1']:.3f}", f"{scores['segment_f1_chance']:.3f}"),
            Row("segments, average precision", f"{scores['average_precision']:.3f}", f"{scores['share']:.3f}"),
            Row("events within 200 ms, F1", f"{scores['event_f1']:.3f}"),
            Row("onset, median error", f"{scores['onset_error_ms']:.0f} ms"),
        ]
        calibration = {"threshold": threshold, "hop": self.hop}
        metrics = {f"events/{name}": value for name, value in scores.items()}
        return Found(metrics, rows, calibration, event_figures(asked, threshold))
