"""Sound in, as CAV-MAE hears it: Kaldi's log-mel filter bank."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.clock import SAMPLE_RATE, STEP_RATE

N_FFT = 512
LENGTH, HOP = 400, SAMPLE_RATE // STEP_RATE
"""Samples of a step, 25 ms, and from one to the next, 10 ms."""

EMPHASIS = 0.97
"""Share of the sample before that is taken off each sample."""

LOWEST = 20.0
"""Hz at which the lowest band begins."""

EPSILON = torch.finfo(torch.float32).eps
"""Energy that stands for none at all."""


class Fbank(nn.Module):
    """What ``torchaudio.compliance.kaldi.fbank`` gives with CAV-MAE's settings, for a batch, then normalised.

    The mean of the waveform is taken out; then of each step of 25 ms its own mean; pre-emphasis; a Hann window; the
    power spectrum; triangles on the mel scale between 20 and 8000 Hz; the logarithm; no dither, no energy beside.
    Step m holds samples 160 m ... 160 m + 399 and there are only whole ones: 998 in 10 s.

    Args:
        mels: Number of bands.
        mean: Of the log-mel energies of the data set that a network was trained on, here AudioSet's.
        std: Their standard deviation.
        whole: Steps that every clip is filled up to, with energies whose logarithm is 0, as the loader that CAV-MAE's
            released networks were trained with did; None for none.

    Attributes:
        silence: What digital silence becomes, for padding.
    """

    def __init__(self, mels: int = 128, mean: float = -5.081, std: float = 4.4849, whole: int | None = None):
        super().__init__()
        self.window: Tensor
        self.scale: Tensor
        self.mels, self.mean, self.std, self.whole = mels, mean, std, whole
        self.silence = (math.log(EPSILON) - mean) / std
        self.register_buffer("window", torch.hann_window(LENGTH, periodic=False), persistent=False)
        self.register_buffer("scale", triangles(mels), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Transform.

        Args:
            audio: (B, S) float in [-1, 1] at 16 kHz; less than 25 ms is filled up with silence.

        Returns:
            (B, M, mels) float32, M = :meth:`count`, of about zero mean and unit variance.
        """
        with torch.autocast(audio.device.type, enabled=False):  # half precision cannot hold a spectrum's range
            audio = audio.float()
            audio = F.pad(audio - audio.mean(dim=1, keepdim=True), (0, max(0, LENGTH - audio.shape[1])))
            steps = audio.unfold(1, LENGTH, HOP)  # (B, M, 400)
            steps = steps - steps.mean(dim=2, keepdim=True)
            steps = steps - EMPHASIS * F.pad(steps, (1, 0), mode="replicate")[..., :-1]
            power = torch.fft.rfft(steps * self.window, N_FFT).abs().square()  # (B, M, 257)
            bands = (power @ self.scale).clamp(min=EPSILON).log()
            bands = F.pad(bands, (0, 0, 0, max(0, (self.whole or 0) - bands.shape[1])))
            return (bands - self.mean) / self.std

    def count(self, samples: int) -> int:
        """Steps of so many samples."""
        return max(self.whole or 0, 1 + max(0, samples - LENGTH) // HOP)

    def cut(self, audio: Tensor, first: Tensor, length: int) -> Tensor:
        """Stretches of the features; what none of them holds is not computed, if they are the smaller part.

        Args:
            audio: (B, S).
            first: (B, F) where stretches begin, 0...M - length.
            length: L, steps of a stretch.

        Returns:
            (B, F, L, mels), what :meth:`forward` gives there.
        """
        clips = torch.arange(len(audio), device=audio.device)[:, None, None]
        if self.whole or first.shape[1] * length >= self.count(audio.shape[1]):
            return self(audio)[clips, first[..., None] + torch.arange(length, device=first.device)]
        samples = torch.arange(HOP * (length - 1) + LENGTH, device=first.device)
        heard = audio[clips, HOP * first[..., None] + samples]  # (B, F, samples)
        return self(heard.flatten(0, 1)).unflatten(0, first.shape)


def triangles(mels: int) -> Tensor:
    """(257, mels) weights: triangles on the mel scale, 1127 ln(1 + f / 700), with corners evenly spaced on it.

    The highest bin, half the sample rate, counts for nothing, as in Kaldi.
    """
    low, high = (1127 * math.log1p(hertz / 700) for hertz in (LOWEST, SAMPLE_RATE / 2))
    corner = torch.linspace(low, high, mels + 2, dtype=torch.float64)
    hertz = torch.arange(N_FFT // 2, dtype=torch.float64) * SAMPLE_RATE / N_FFT
    bins = 1127 * torch.log1p(hertz / 700)[:, None]
    rising = (bins - corner[:-2]) / (corner[1:-1] - corner[:-2])
    falling = (corner[2:] - bins) / (corner[2:] - corner[1:-1])
    return F.pad(torch.minimum(rising, falling).clamp(min=0), (0, 0, 0, 1)).float()
