"""Sound in, as the released SyncNet hears it: mel-frequency cepstra."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.clock import SAMPLE_RATE, STEP_RATE

N_FFT = 512
LENGTH = 400
"""Samples of a step: 25 ms, every 10 ms."""

CEPSTRA, BANDS = 13, 26
EMPHASIS = 0.97
"""Share of the sample before that is taken off each sample."""

LIFTER = 22
"""Length of the sine that lifts the higher cepstra."""

EPSILON = torch.finfo(torch.float64).eps
"""Power that stands for none at all, so that digital silence has a logarithm."""


class Mfcc(nn.Module):
    """What the defaults of python_speech_features give for 16-bit samples, at 100 steps a second.

    Pre-emphasis, steps of 25 ms without a window function, power spectra, triangles on the mel scale (Davis &
    Mermelstein 1980, with corners on whole bins), their logarithm, a cosine transform whose higher cepstra are lifted,
    and the logarithm of the energy in place of the first.

    Step m holds samples 160 m ... 160 m + 399. In 640 T samples that library finds 4 T - 1 steps, one less than the
    last window of 5 frames needs: here there are 4 T, the sound goes on with silence. All is done in double precision,
    because a weak band beside a strong one is below what single precision resolves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale: Tensor
        self.transform: Tensor
        self.hop = SAMPLE_RATE // STEP_RATE
        self.register_buffer("scale", triangles(), persistent=False)
        self.register_buffer("transform", lifted_cosines(), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Transform.

        Args:
            audio: (B, S) float in [-1, 1] at 16 kHz, S a multiple of 640; rounded to 16 bits first.

        Returns:
            (B, 1, 13, S / 160) float32.
        """
        with torch.autocast(audio.device.type, enabled=False):
            samples = (audio.double() * 32768).round().clamp(-32768, 32767)
            samples = samples - EMPHASIS * F.pad(samples, (1, 0))[:, :-1]
            steps = F.pad(samples, (0, LENGTH - self.hop)).unfold(1, LENGTH, self.hop)  # (B, M, 400)
            power = torch.fft.rfft(steps, N_FFT).abs().square() / N_FFT  # (B, M, 257)
            cepstra = _log(power @ self.scale) @ self.transform  # (B, M, 13)
            energy = _log(power.sum(dim=2, keepdim=True))
            return torch.cat([energy, cepstra[..., 1:]], dim=2).transpose(1, 2)[:, None].float()


def _log(power: Tensor) -> Tensor:
    return power.masked_fill(power == 0, EPSILON).log()


def triangles() -> Tensor:
    """(257, 26) weights: band b rises from corner b to corner b + 1 and falls to corner b + 2, between 0 and 8000 Hz.

    Corners are evenly spaced in mel, 2595 log10(1 + f / 700), and rounded down to 1 / 513 of the sample rate.
    """
    highest = 2595 * math.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (torch.linspace(0, highest, BANDS + 2, dtype=torch.float64) / 2595) - 1)
    corner = ((N_FFT + 1) * hertz / SAMPLE_RATE).floor()
    low, middle, high = corner[:-2], corner[1:-1], corner[2:]
    bins = torch.arange(N_FFT // 2 + 1, dtype=torch.float64)[:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return torch.minimum(rising, falling).clamp(min=0)


def lifted_cosines() -> Tensor:
    """(26, 13): the orthonormal cosine transform (DCT-II), cepstrum c times 1 + 11 sin(pi c / 22)."""
    band, order = torch.arange(BANDS, dtype=torch.float64)[:, None], torch.arange(CEPSTRA, dtype=torch.float64)
    cosines = torch.cos(math.pi * order * (2 * band + 1) / (2 * BANDS)) * math.sqrt(2 / BANDS)
    cosines[:, 0] /= math.sqrt(2)
    return cosines * (1 + LIFTER / 2 * torch.sin(math.pi * order / LIFTER))
