"""Self-supervised pairs: which window of picture meets which window of sound.

A network embeds whole segments, so a window is an index, and a pair is two indices into (B, N) windows:

    clip b     video   0 1 2 3 4 5 6 ...          positive   (b, i) with (b, i)
               audio   0 1 2 3 4 5 6 ...          shifted    (b, i) with (b, i + s),   |s| > tolerance
    clip b'    audio   0 1 2 3 4 5 6 ...          across     (b, i) with (b', j),      b' != b

A shift within the tolerance that evaluation counts as correct (1 frame) is neither: such pairs are never made. Nor are
pairs of two segments of one clip, which may overlap. Near negatives, shifted by hardly more than the tolerance, are
hard: their share may rise as training goes on (:class:`Hardness`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1
"""Frames: |error| <= 1 is a correct offset in every published protocol."""


@dataclass(frozen=True)
class Pairs:
    """P pairs as flat indices into (B * N) windows.

    Attributes:
        video: (P,) index of the picture's window.
        audio: (P,) index of the sound's window.
        synced: (P,) bool, true for positives.
    """

    video: Tensor
    audio: Tensor
    synced: Tensor


@dataclass(frozen=True)
class Hardness:
    """How the share of near negatives rises as training goes on, in a line from ``start`` to ``end``.

    Attributes:
        start: Share of near negatives at first, 0...1.
        end: Share at last.
        over: Share of the run's steps, 0...1, after which ``end`` is reached.
        reach: Frames that a near negative is shifted by at most.
    """

    start: float = 0.0
    end: float = 0.75
    over: float = 0.5
    reach: int = 5

    def near(self, progress: float) -> float:
        """The share of near negatives when ``progress``, 0...1, of the run's steps are done."""
        done = min(1.0, progress / self.over) if self.over > 0 else 1.0
        return self.start + (self.end - self.start) * done


def draw_pairs(  # noqa: PLR0913  what a negative may be
    clips: int,
    windows: int,
    *,
    across: float,
    device: torch.device,
    generator: torch.Generator | None = None,
    near: float = 0.0,
    reach: int = 5,
    negatives: int = 1,
    clip: Tensor | None = None,
) -> Pairs:
    """One positive and some negatives for every window of every clip.

    Args:
        clips: B, clips in the batch.
        windows: N, windows in each.
        across: Share of the negatives that are not near, 0...1, whose sound comes from another clip; the rest are
            shifted within the clip.
        device: Where the indices go.
        generator: Where the randomness comes from (on the CPU); None for torch's own.
        near: Share of negatives, 0...1, that are shifted within the clip by no more than ``reach``.
        reach: Frames, more than the tolerance.
        negatives: For each window.
        clip: (B,) the same number where segments are of one clip: they may overlap and are no negatives of each other.
            None for all of different clips.

    Raises:
        ValueError: A clip is too short to hold a shift beyond the tolerance, or ``reach`` is within it.
    """
    if windows < 2 * TOLERANCE + 2:
        raise ValueError(f"{windows} windows a clip leave no shift beyond ±{TOLERANCE}; give longer segments")
    if reach <= TOLERANCE:
        raise ValueError(f"negatives that reach {reach} frames are within the tolerance; give {TOLERANCE + 1} or more")
    positive = torch.arange(clips * windows)
    video = positive.repeat(negatives)
    own, window = video // windows, video % windows
    hard = torch.rand(video.shape, generator=generator) < near
    shifted = own * windows + shifted_windows(window, windows, generator, torch.where(hard, reach, windows))
    other = other_clips(clips, clip, torch.device("cpu"))
    score = torch.rand((len(video), clips), generator=generator).masked_fill(~other[own], -1)
    elsewhere = score.argmax(dim=1) * windows + torch.randint(0, windows, own.shape, generator=generator)
    use_other = (torch.rand(own.shape, generator=generator) < across) & other.any(dim=1)[own] & ~hard
    audio = torch.cat([positive, torch.where(use_other, elsewhere, shifted)])
    synced = torch.arange(len(audio)) < len(positive)
    return Pairs(torch.cat([positive, video]).to(device), audio.to(device), synced.to(device))


def shifted_windows(window: Tensor, windows: int, generator: torch.Generator | None, reach: Tensor) -> Tensor:
    """For each index of ``window`` another one of the same clip, drawn uniformly beyond the tolerance.

    Args:
        window: (P,) in 0...N - 1.
        windows: N.
        generator: Where the randomness comes from.
        reach: (P,) largest shift.
    """
    score = torch.rand((len(window), windows), generator=generator)
    shift = (torch.arange(windows) - window[:, None]).abs()
    return score.masked_fill((shift <= TOLERANCE) | (shift > reach[:, None]), -1).argmax(dim=1)


def other_clips(clips: int, clip: Tensor | None, device: torch.device) -> Tensor:
    """(B, B) bool: which segments of a batch are of different clips.

    Args:
        clips: B.
        clip: (B,) the same number where segments are of one clip; None for all of different ones.
        device: Where the answer goes.
    """
    clip = torch.arange(clips, device=device) if clip is None else clip.to(device)
    return clip[:, None] != clip


def numbered(keys: list[str]) -> Tensor:
    """(B,) numbers that are the same where keys are."""
    return torch.tensor([keys.index(key) for key in keys])


def time_targets(windows: int, device: torch.device) -> Tensor:
    """(N, N) bool: which windows of the same clip may stand as negatives of each other (beyond the tolerance)."""
    index = torch.arange(windows, device=device)
    return (index[:, None] - index).abs() > TOLERANCE
