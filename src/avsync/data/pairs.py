"""Self-supervised pairs: which window of picture meets which window of sound.

A network embeds whole segments, so a window is an index, and a pair is two indices into (B, N) windows:

    clip b     video   0 1 2 3 4 5 6 ...          positive   (b, i) with (b, i)
               audio   0 1 2 3 4 5 6 ...          shifted    (b, i) with (b, i + s),   |s| > tolerance
    clip b'    audio   0 1 2 3 4 5 6 ...          across     (b, i) with (b', j),      b' != b

A shift within the tolerance that evaluation counts as correct (1 frame) is neither: such pairs are never made.
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


def draw_pairs(clips: int, windows: int, *, across: float, generator: torch.Generator, device: torch.device) -> Pairs:
    """One positive and one negative for every window of every clip.

    Args:
        clips: B, clips in the batch.
        windows: N, windows in each.
        across: Share of negatives, 0...1, whose sound comes from another clip; the rest are shifted within the clip.
        generator: Where the randomness comes from (on the CPU).
        device: Where the indices go.

    Raises:
        ValueError: A clip is too short to hold a shift beyond the tolerance.
    """
    if windows < 2 * TOLERANCE + 2:
        raise ValueError(f"{windows} windows a clip leave no shift beyond ±{TOLERANCE}; give longer segments")
    video = torch.arange(clips * windows)
    clip, window = video // windows, video % windows
    shifted = clip * windows + shifted_windows(window, windows, generator)
    other = (clip + torch.randint(1, max(clips, 2), clip.shape, generator=generator)) % clips
    elsewhere = other * windows + torch.randint(0, windows, clip.shape, generator=generator)
    use_other = (torch.rand(clip.shape, generator=generator) < across) & (clips > 1)
    negative = torch.where(use_other, elsewhere, shifted)
    synced = torch.cat([torch.ones_like(video), torch.zeros_like(video)]).bool()
    return Pairs(video.repeat(2).to(device), torch.cat([video, negative]).to(device), synced.to(device))


def shifted_windows(window: Tensor, windows: int, generator: torch.Generator) -> Tensor:
    """For each index of ``window`` another one of the same clip, drawn uniformly beyond the tolerance."""
    score = torch.rand((len(window), windows), generator=generator)
    near = (torch.arange(windows) - window[:, None]).abs() <= TOLERANCE
    return score.masked_fill(near, -1).argmax(dim=1)


def time_targets(windows: int, device: torch.device) -> Tensor:
    """(N, N) bool: which windows of the same clip may stand as negatives of each other (beyond the tolerance)."""
    index = torch.arange(windows, device=device)
    return (index[:, None] - index).abs() > TOLERANCE
