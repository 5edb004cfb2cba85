"""A room: the sound with its echoes, the direct sound where it was."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avsync.clock import SAMPLE_RATE
from avsync.data.effects.draws import chosen, uniform
from avsync.data.effects.sound import level

EARLY, EARLIEST, LATEST = 6, 0.002, 0.04
"""Single reflections off walls, and the seconds between which they come."""

MIXING = 0.01
"""Seconds after which the tail sets in."""


class Reverberation(nn.Module):
    """Waveforms (B, S) to the same, through impulse responses that are drawn: direct, early reflections, a tail.

    Args:
        share: Of clips.
        fades: Seconds in which the tail falls by 60 dB, drawn from.
        direct: Ratios of the direct sound to everything after it that are drawn from, in dB.
    """

    def __init__(
        self,
        share: float = 0.3,
        fades: tuple[float, float] = (0.15, 0.7),
        direct: tuple[float, float] = (2.0, 15.0),
    ):
        super().__init__()
        self.share, self.fades, self.direct = share, fades, direct

    def forward(self, audio: Tensor) -> Tensor:
        """See the class."""
        some = chosen(len(audio), self.share, audio.device)
        if len(some) == 0:
            return audio
        dry = audio[some]
        response = self._responses(len(some), audio.device)
        size = dry.shape[1] + response.shape[1]  # no wrapping around
        wet = torch.fft.irfft(torch.fft.rfft(dry, size) * torch.fft.rfft(response, size), size)[:, : dry.shape[1]]
        return audio.index_copy(0, some, wet)

    def _responses(self, clips: int, device: torch.device) -> Tensor:
        """(b, L), 1 at sample 0."""
        length = round(self.fades[1] * SAMPLE_RATE)
        time = torch.arange(length, device=device) / SAMPLE_RATE
        fade = 10 ** (-3 * time / uniform(clips, *self.fades, device)[:, None])
        tail = torch.randn((clips, length), device=device) * (time > MIXING)
        tail = tail / level(tail)[:, None] / 4
        when = (uniform(clips * EARLY, EARLIEST, LATEST, device) * SAMPLE_RATE).long().view(clips, EARLY)
        early = torch.zeros_like(tail).scatter_add_(1, when, torch.rand((clips, EARLY), device=device) * 4 - 2)
        echoes = (early + tail) * fade
        ratio = 10 ** (-uniform(clips, *self.direct, device) / 20)
        echoes = echoes * (ratio / echoes.square().sum(dim=1).sqrt())[:, None]
        echoes[:, 0] = 1
        return echoes
