"""Where there is speech: windows without it say nothing about synchronization."""

from __future__ import annotations

import torch
from torch import Tensor

from avsync.clock import SAMPLES_PER_FRAME, WINDOW_FRAMES

THRESHOLD_DB = 30.0
"""Decibels below the loud parts (95th percentile) under which a frame counts as silent."""


def speech_share(audio: Tensor, threshold_db: float = THRESHOLD_DB) -> Tensor:
    """Share of each window's frames whose sound is not silent.

    An energy detector relative to the recording's own level: enough to tell pauses, not to tell speech from music.

    Args:
        audio: (S,) float at 16 kHz, S a multiple of 640.
        threshold_db: See :data:`THRESHOLD_DB`.

    Returns:
        (S / 640 - 4,) float in 0...1, one a window.
    """
    energy = audio.float().unflatten(0, (-1, SAMPLES_PER_FRAME)).square().mean(dim=1)  # (T,)
    loud = energy.quantile(0.95).clamp(min=1e-9)
    active = (energy > loud * 10 ** (-threshold_db / 10)).float()
    return active.unfold(0, WINDOW_FRAMES, 1).mean(dim=1)


def speech_near(share: Tensor, search: int) -> Tensor:
    """Mean speech share of the windows within ±search of each: what a window's whole search range can say.

    Args:
        share: (N,) from :func:`speech_share`.
        search: Frames.

    Returns:
        (N,) float in 0...1.
    """
    kernel = torch.ones(1, 1, 2 * search + 1)
    total = torch.nn.functional.conv1d(share[None, None], kernel, padding=search)
    count = torch.nn.functional.conv1d(torch.ones_like(share)[None, None], kernel, padding=search)
    return (total / count)[0, 0]
