"""A clip in a few numbers a frame, before augmentation: does anything move, does anything sound, do they agree?"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avsync.clock import SAMPLES_PER_FRAME

TILES, BANDS = 8, 16
"""Tiles along each side of the picture, and bands of 500 Hz."""


def tiles(frames: np.ndarray) -> Tensor:
    """Mean brightness of each tile: (T, H, W, 3) uint8 to (T, 64) in 0...255, from every fourth pixel's green."""
    sparse = torch.from_numpy(frames[:, ::2, ::2, 1].astype(np.float32))
    return F.adaptive_avg_pool2d(sparse, TILES).flatten(1)


def bands(audio: Tensor) -> Tensor:
    """Level of each band in each frame: (640 T,) in -1...1 to (T, 16) in dB of full scale, at least -100."""
    window = torch.hann_window(SAMPLES_PER_FRAME)
    spectrum = torch.fft.rfft(audio.unflatten(0, (-1, SAMPLES_PER_FRAME)) * window)[:, 1:]  # (T, 320), no constant
    power = 2 * spectrum.abs().square() / (SAMPLES_PER_FRAME * window.square().sum())
    return 10 * power.unflatten(1, (BANDS, -1)).sum(dim=2).clamp(min=1e-10).log10()
