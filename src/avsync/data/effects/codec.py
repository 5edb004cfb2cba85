"""A codec's marks on the sound: spectra rounded coarsely and cut off, as MP3 and AAC do at low rates."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.clock import SAMPLE_RATE
from avsync.data.effects.draws import chosen, uniform

HOP = 256
"""Samples that a block advances by, and frequencies in it: 16 ms."""

NEAR = 9
"""Frequencies whose mean energy tells how coarsely the one in their middle may be rounded."""

FLOOR_DB = 45.0
"""What lies so far below the loudest frequency of its block is not kept at all."""


class Codec(nn.Module):
    """Waveforms (B, S) at 16 kHz to the same, without delay, by a modified discrete cosine transform.

    Args:
        share: Of clips.
        quality: Decibels by which the step of rounding lies below the level nearby, drawn from: at 0 most of what is
            weaker than its surroundings is lost, at 20 little.
        cutoff: Highest frequencies kept, in Hz, drawn from.
    """

    def __init__(
        self,
        share: float = 0.3,
        quality: tuple[float, float] = (0.0, 15.0),
        cutoff: tuple[float, float] = (3400.0, 8000.0),
    ):
        super().__init__()
        self.transform: Tensor
        self.share, self.quality, self.cutoff = share, quality, cutoff
        self.register_buffer("transform", lapped_cosines(HOP), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """See the class."""
        some = chosen(len(audio), self.share, audio.device)
        if len(some) == 0:
            return audio
        length = audio.shape[1]
        padded = F.pad(audio[some], (HOP, HOP + -length % HOP))
        spectra = padded.unfold(1, 2 * HOP, HOP) @ self.transform  # (b, blocks, HOP)
        blocks = self._rounded(spectra) @ self.transform.T  # (b, blocks, 2 HOP)
        # each sample lies in two blocks, whose sum is what went in
        heard = blocks[:, 1:, :HOP] + blocks[:, :-1, HOP:]
        return audio.index_copy(0, some, heard.flatten(1)[:, :length])

    def _rounded(self, spectra: Tensor) -> Tensor:
        clips, device = len(spectra), spectra.device
        quality = 10 ** (-uniform(clips, *self.quality, device) / 20)
        near = F.avg_pool1d(spectra.square(), NEAR, 1, NEAR // 2, count_include_pad=False).sqrt()
        floor = spectra.abs().amax(dim=2, keepdim=True) * 10 ** (-FLOOR_DB / 20) + 1e-7
        step = torch.maximum(near * quality[:, None, None], floor)
        hertz = torch.linspace(0, SAMPLE_RATE / 2, HOP, device=device)
        kept = hertz <= uniform(clips, *self.cutoff, device)[:, None, None]
        return (spectra / step).round() * step * kept


def lapped_cosines(size: int) -> Tensor:
    """(2 size, size): windowed cosines, which with their transpose give back every sample in two blocks that overlap.

    Princen & Bradley, "Analysis/synthesis filter bank design based on time domain aliasing cancellation", 1986.
    """
    sample, order = torch.arange(2 * size)[:, None] + 0.5, torch.arange(size) + 0.5
    window = torch.sin(math.pi * sample / (2 * size))
    return window * torch.cos(math.pi / size * (sample + size / 2) * order) * math.sqrt(2 / size)
