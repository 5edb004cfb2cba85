"""Sound in: waveforms to what an audio tower sees."""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

from avsync.clock import SAMPLE_RATE, STEP_RATE

N_FFT = 512
LENGTH = 400
"""Samples under the Hann window: 25 ms."""

SILENT = 2.5
"""Nepers (22 dB) below the loud parts under which a step does not count for a band's mean."""


class LogMel(nn.Module):
    """Log-mel spectrogram at 100 steps a second, without what is the recording's own.

    Step m is centred on sample 160 m + 80, so that 640 T samples give exactly 4 T steps and step m belongs to the
    interval [m / 100, (m + 1) / 100) s. Levels count from the loud parts of the clip (their 90th percentile), so a
    recording's gain changes nothing, and end ``floor`` below them, so neither does digital silence. Then each band's
    mean over the steps that are not silent is taken out (cepstral mean normalisation, Atal 1974): a microphone's
    response and the average spectrum of a voice change nothing either.

    Args:
        mels: Number of bands between 60 and 7600 Hz.
        floor: Nepers below the loud parts at which levels are cut off.
        tract: In training, spectra are stretched by up to this share, each clip's by another, as if by the length of
            the speaker's vocal tract (Jaitly & Hinton, "Vocal tract length perturbation", ICML workshop 2013).
    """

    def __init__(self, mels: int = 40, floor: float = 8.0, tract: float = 0.0):
        super().__init__()
        self.window: Tensor
        self.hop, self.floor, self.tract = SAMPLE_RATE // STEP_RATE, floor, tract
        self.register_buffer("window", torch.hann_window(LENGTH), persistent=False)
        self.scale = torchaudio.transforms.MelScale(mels, SAMPLE_RATE, 60.0, 7600.0, n_stft=N_FFT // 2 + 1)

    def forward(self, audio: Tensor) -> Tensor:
        """Transform.

        Args:
            audio: (B, S) float in [-1, 1] at 16 kHz, S a multiple of 640.

        Returns:
            (B, 1, mels, S / 160) float32, about 0 where a band is as loud as it is on average, 1 for ``floor`` nepers.
        """
        side = (N_FFT - self.hop) // 2
        with torch.autocast(audio.device.type, enabled=False):  # half precision cannot hold a spectrum's range
            padded = F.pad(audio.float(), (side, side))
            spectrum = torch.stft(padded, N_FFT, self.hop, LENGTH, self.window, center=False, return_complex=True)
            power = spectrum.abs().square()
            if self.training and self.tract:
                power = stretched(power, 1 + self.tract * (2 * torch.rand(len(power), device=power.device) - 1))
            level = torch.log(self.scale(power) + 1e-10) / 2  # (B, mels, M) in nepers
            loudest = level.amax(dim=1, keepdim=True)
            loud = loudest.quantile(0.9, dim=2, keepdim=True)
            level = ((level - loud) / self.floor).clamp(min=-1)
            heard = (loudest > loud - SILENT).float()
            mean = (level * heard).sum(dim=2, keepdim=True) / heard.sum(dim=2, keepdim=True).clamp(min=1)
            return (level - mean)[:, None]


def stretched(power: Tensor, by: Tensor) -> Tensor:
    """Spectra with their frequency axis stretched.

    Args:
        power: (B, bins, M).
        by: (B,) factors; bin k becomes what bin k * factor was.
    """
    last = power.shape[1] - 1
    place = (torch.arange(last + 1, device=power.device) * by[:, None]).clamp(max=last)
    low = place.floor().long().clamp(max=last - 1)
    share = (place - low)[..., None]
    index = low[..., None].expand_as(power)
    return power.gather(1, index) * (1 - share) + power.gather(1, index + 1) * share
