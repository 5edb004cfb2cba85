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


class LogMel(nn.Module):
    """Log-mel spectrogram at 100 steps a second, its level taken from the clip itself.

    Step m is centred on sample 160 m + 80, so that 640 T samples give exactly 4 T steps and step m belongs to the
    interval [m / 100, (m + 1) / 100) s. Levels count from the loud parts of the clip (their 90th percentile), so a
    recording's gain changes nothing, and end ``floor`` below them, so neither does digital silence.

    Args:
        mels: Number of bands between 60 and 7600 Hz.
        floor: Nepers below the loud parts at which levels are cut off.
    """

    def __init__(self, mels: int = 40, floor: float = 8.0):
        super().__init__()
        self.window: Tensor
        self.hop, self.floor = SAMPLE_RATE // STEP_RATE, floor
        self.register_buffer("window", torch.hann_window(LENGTH), persistent=False)
        self.scale = torchaudio.transforms.MelScale(mels, SAMPLE_RATE, 60.0, 7600.0, n_stft=N_FFT // 2 + 1)

    def forward(self, audio: Tensor) -> Tensor:
        """Transform.

        Args:
            audio: (B, S) float in [-1, 1] at 16 kHz, S a multiple of 640.

        Returns:
            (B, 1, mels, S / 160) float32, about 0 in loud parts and -1 at the floor.
        """
        side = (N_FFT - self.hop) // 2
        with torch.autocast(audio.device.type, enabled=False):  # half precision cannot hold a spectrum's range
            padded = F.pad(audio.float(), (side, side))
            spectrum = torch.stft(padded, N_FFT, self.hop, LENGTH, self.window, center=False, return_complex=True)
            level = torch.log(self.scale(spectrum.abs().square()) + 1e-10) / 2  # (B, mels, M) in nepers
            loud = level.amax(dim=1).quantile(0.9, dim=1)[:, None, None]
            return ((level - loud) / self.floor).clamp(min=-1)[:, None]
