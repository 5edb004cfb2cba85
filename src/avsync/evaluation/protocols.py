"""The field's protocols, exactly.

**Offset accuracy** (SyncNet 2016, Perfect Match, VocaLiST on LRS2): the sound is shifted by a known number of frames;
for every run of K frames the offset is searched over -15...+15 frames; it is correct within ±1 frame. K = 5 is one
window; larger K average the distances of K - 4 windows in a row. Runs whose search range leaves the clip are not
counted, so chance is 3 / 31 = 9.7 %.

**Binary pair accuracy** (Wav2Lip, LatentSync): as many windows in sync as shifted beyond the tolerance within the
search range; told apart by one threshold on the distance, fitted on validation. Chance is 50 %.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avsync.alignment.distances import moving_mean
from avsync.clock import FPS, WINDOW_FRAMES
from avsync.data.pairs import TOLERANCE

FRAMES = (5, 7, 9, 11, 13, 15)
SEARCH = 15
SPEECH_SHARE = 0.5
"""A run counts as speech when this share of its frames is not silent."""


def offset_errors(distances: Tensor, speech: Tensor, true: int, frames: int) -> tuple[Tensor, Tensor]:
    """Errors of every run of ``frames`` frames of one clip.

    Args:
        distances: (N, 31) distances of windows to candidates -15...+15.
        speech: (N,) share of each window's frames that are not silent.
        true: Offset in frames by which the sound was shifted.
        frames: K.

    Returns:
        (R,) predicted minus true offset in frames, and (R,) bool, which of the runs are speech.
    """
    windows = frames - WINDOW_FRAMES + 1
    if len(distances) < windows:
        return torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.bool)
    mean = moving_mean(distances, windows)
    spoken = moving_mean(speech[:, None], windows)[:, 0] >= SPEECH_SHARE
    whole = ~mean.isnan().any(dim=1)
    predicted = mean[whole].argmin(dim=1) - SEARCH
    return predicted - true, spoken[whole]


class OffsetScores:
    """Gathers errors over clips and gives accuracy and mean absolute error for every K."""

    def __init__(self) -> None:
        self.clips: list[dict[int, tuple[Tensor, Tensor]]] = []

    def add(self, distances: Tensor, speech: Tensor, true: int) -> None:
        """One clip; see :func:`offset_errors`."""
        self.clips.append({frames: offset_errors(distances, speech, true, frames) for frames in FRAMES})

    def joined(self) -> dict[int, tuple[Tensor, Tensor]]:
        """All clips as if they were one; empty where there is none."""
        return {
            frames: (
                torch.cat([clip[frames][0] for clip in self.clips]),
                torch.cat([clip[frames][1] for clip in self.clips]),
            )
            for frames in (FRAMES if self.clips else ())
        }

    def compute(self) -> dict[str, float]:
        """``offset_acc/k5``... over runs of speech, the same with ``_all`` over all runs, and errors in ms.

        What there is no run for is left out.
        """
        scores: dict[str, float] = {}
        for frames, (errors, spoken) in self.joined().items():
            for name, chosen in (("", errors[spoken]), ("_all", errors)):
                if len(chosen) == 0:
                    continue
                distance = chosen.abs().double()
                scores[f"offset_acc{name}/k{frames}"] = float((distance <= TOLERANCE).double().mean())
                scores[f"offset_mae_ms{name}/k{frames}"] = float(distance.mean() * 1000 / FPS)
                scores[f"runs{name}/k{frames}"] = len(chosen)
        return scores


def pair_distances(distances: Tensor, true: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One distance in sync and one shifted for every window whose search range stays in the clip.

    Args:
        distances: (N, 31).
        true: Offset of the sound in frames.
        generator: Draws the shifts, uniformly beyond the tolerance and within the search range.

    Returns:
        (P,) and (P,).
    """
    whole = distances[~distances.isnan().any(dim=1)]
    columns = torch.tensor([c for c in range(2 * SEARCH + 1) if abs(c - SEARCH - true) > TOLERANCE])
    drawn = columns[torch.randint(0, len(columns), (len(whole),), generator=generator)]
    return whole[:, true + SEARCH], whole.gather(1, drawn[:, None])[:, 0]


def best_threshold(synced: Tensor, shifted: Tensor) -> float:
    """The distance that tells the two apart with the fewest errors, as many of each given."""
    values, order = torch.cat([synced, shifted]).sort()
    label = torch.cat([torch.ones_like(synced), -torch.ones_like(shifted)])[order]
    best = int(label.cumsum(0).argmax())
    above = values[min(best + 1, len(values) - 1)]
    return float((values[best] + above) / 2)


def pair_accuracy(synced: Tensor, shifted: Tensor, threshold: float) -> float:
    """Share of pairs on the right side of the threshold, 0...1."""
    return float(((synced < threshold).double().mean() + (shifted >= threshold).double().mean()) / 2)
