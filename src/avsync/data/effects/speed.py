"""Both streams faster or slower together."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from avsync.clock import SAMPLES_PER_FRAME, WINDOW_FRAMES


class Speed(nn.Module):
    """Of T frames a clip, m in a row become K = T / (1 + most), with their sound; m is drawn for each clip.

        source   first |  |  |  |  |  | first + m      frame j is the mean of its interval [j, j + 1)
        new          0 |    |    |    | K              moment t lies at first + t m / K, in both streams

    A new frame is interpolated between the two whose middles lie around its own middle; sound is resampled through its
    spectrum. Pitch changes too, as that of a record does.

    Args:
        most: Largest change of speed, as a share.
        share: Of clips; the others are cut to K frames as they are.
    """

    def __init__(self, most: float = 0.1, share: float = 0.5):
        super().__init__()
        self.most, self.share = most, share

    def forward(self, planes: Tensor, audio: Tensor, speech: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Planes (B, T, C, H, W), sound (B, 640 T) and speech (B, T - 4) to the same with K for T."""
        clips, steps = planes.shape[:2]
        length = int(steps / (1 + self.most))
        low, high = math.ceil(length * (1 - self.most)), min(steps, int(length * (1 + self.most)))
        drawn = torch.where(torch.rand(clips) < self.share, torch.randint(low, high + 1, (clips,)), length)
        pieces = []
        for clip, taken in enumerate(drawn.tolist()):
            first = int(torch.randint(0, steps - taken + 1, ()))
            window = range(first, first + taken)
            heard = audio[clip, window.start * SAMPLES_PER_FRAME : window.stop * SAMPLES_PER_FRAME]
            said = speech[clip, window.start : window.stop - WINDOW_FRAMES + 1]
            pieces.append((frames(planes[clip, window.start : window.stop], length), sound(heard, length), said))
        pictures, sounds, shares = zip(*pieces, strict=True)
        windows = length - WINDOW_FRAMES + 1
        return torch.stack(pictures), torch.stack(sounds), torch.stack([nearest(said, windows) for said in shares])


def frames(planes: Tensor, length: int) -> Tensor:
    """(m, C, H, W) to (length, C, H, W) over the same time."""
    if len(planes) == length:
        return planes
    place = (torch.arange(length, device=planes.device) + 0.5) * len(planes) / length - 0.5
    place = place.clamp(0, len(planes) - 1)
    low = place.long().clamp(max=len(planes) - 2)
    return torch.lerp(planes[low], planes[low + 1], (place - low)[:, None, None, None])


def sound(audio: Tensor, length: int) -> Tensor:
    """(640 m,) to (640 length,) over the same time."""
    samples = length * SAMPLES_PER_FRAME
    if len(audio) == samples:
        return audio
    return torch.fft.irfft(torch.fft.rfft(audio), n=samples) * (samples / len(audio))


def nearest(values: Tensor, length: int) -> Tensor:
    """(n,) to (length,) over the same time, each the nearest of the old."""
    place = (torch.arange(length, device=values.device) + 0.5) * len(values) / length
    return values[place.long()]
