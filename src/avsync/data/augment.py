"""Augmentation of whole batches, on the device where the model runs. B clips, T frames, S samples."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.clock import SAMPLE_RATE

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""

KNOTS = 7
"""Points between 50 Hz and 8 kHz, about an octave apart, through which a microphone's response is drawn."""

BROWN_DB = 44.0
"""Brown noise falls by 6 dB an octave, over 7.3 octaves from 50 Hz to 8 kHz."""


class Augment(nn.Module):
    """Vary what carries no synchronization, one draw a clip: all its frames and all its samples alike.

    Args:
        shift: Largest displacement of the picture, as a share of its side.
        scale: Largest change of size, as a share.
        rotation: Largest rotation in degrees.
        light: Largest change of the logarithm of gamma.
        grain: Largest standard deviation of camera noise, in grey levels of 255.
        blur: Share of clips that are blurred.
        noise_db: Signal-to-noise ratios drawn from, in dB; None adds no noise.
        response_db: Largest rise or fall of a microphone's response, in dB.
        colour: Keep three colour planes; otherwise one grey plane, which a third of the work augments.
        region: Top, left and side, as shares of the picture's, of the square that is made; the rest stays black. What
            the network does not look at need not be warped. None makes everything.
    """

    def __init__(  # noqa: PLR0913  each a line of configs/data/shards.yaml
        self,
        shift: float = 0.035,
        scale: float = 0.07,
        rotation: float = 6.0,
        light: float = 0.3,
        grain: float = 6.0,
        blur: float = 0.3,
        noise_db: tuple[float, float] | None = (12.0, 40.0),
        response_db: float = 8.0,
        colour: bool = False,
        region: tuple[float, float, float] | None = None,
    ):
        super().__init__()
        self.shift, self.scale, self.rotation, self.light = shift, scale, rotation, light
        self.grain, self.blur, self.noise_db, self.response_db = grain, blur, noise_db, response_db
        self.colour, self.region = colour, region

    @torch.no_grad()
    def forward(self, batch: dict) -> dict:
        """``frames`` (B, T, H, W, 3) uint8 to (B, T, H, W, 1 or 3) float, ``audio`` (B, S) to the same."""
        return {**batch, "frames": self.picture(batch["frames"]), "audio": self.sound(batch["audio"])}

    def picture(self, frames: Tensor) -> Tensor:
        """(B, T, H, W, 3) uint8 to (B, T, H, W, 1 or 3) float32 in 0...255."""
        clips, steps, height, width, _ = frames.shape
        # all frames of a clip move alike, so they go through the warp as the channels of one picture: (B, T C, H, W)
        if self.colour:
            planes = frames.permute(0, 1, 4, 2, 3).flatten(1, 2).float()
        else:
            planes = frames.float() @ torch.tensor(LUMA, device=frames.device)  # a third of the time of three sums
        grid = F.affine_grid(self._affine(clips, frames.device), [clips, 1, height, width], align_corners=False)
        rows, columns = self._seen(height, width)
        planes = F.grid_sample(planes, grid[:, rows, columns], padding_mode="border", align_corners=False)
        soft = torch.rand(clips, device=frames.device) < self.blur
        planes[soft] = F.avg_pool2d(planes[soft], 3, 1, 1)
        whole = planes.new_zeros(clips, planes.shape[1], height, width)
        whole[:, :, rows, columns] = self._relight(planes)
        return whole.unflatten(1, (steps, -1)).permute(0, 1, 3, 4, 2)

    def _seen(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the region."""
        if self.region is None:
            return slice(0, height), slice(0, width)
        top, left, side = self.region
        first, start = round(top * height), round(left * width)
        return slice(first, first + round(side * height)), slice(start, start + round(side * width))

    def _affine(self, clips: int, device: torch.device) -> Tensor:
        """(B, 2, 3): rotation, size, displacement and a mirror for half of the clips."""
        angle = math.radians(self.rotation) * _symmetric(clips, device)
        size = 1 + self.scale * _symmetric(clips, device)
        mirror = torch.randint(0, 2, (clips,), device=device) * 2.0 - 1
        cosine, sine = size * angle.cos(), size * angle.sin()
        across, down = (2 * self.shift * _symmetric(clips, device) for _ in range(2))
        return torch.stack(
            [torch.stack([cosine * mirror, -sine, across], 1), torch.stack([sine * mirror, cosine, down], 1)],
            1,
        )

    def _relight(self, planes: Tensor) -> Tensor:
        """Gamma and grain of (B, T C, H, W) in 0...255; features take out brightness and contrast by themselves."""
        clips, device = len(planes), planes.device
        gamma = torch.exp(self.light * _symmetric(clips, device)).reshape(-1, 1, 1, 1)
        # a uniform draw costs half of a normal one; its width is root 12 times its deviation
        grain = self.grain * 12**0.5 * torch.rand((clips, 1, 1, 1), device=device)
        noise = torch.rand_like(planes).sub_(0.5).mul_(grain)
        return planes.clamp(0, 255).div_(255).pow_(gamma).mul_(255).add_(noise).clamp_(0, 255)

    def sound(self, audio: Tensor) -> Tensor:
        """(B, S) to the same: through another microphone, a smooth random response, and with noise, white to brown."""
        clips, length = audio.shape
        spectrum = torch.fft.rfft(audio.float())
        hertz = torch.linspace(0, SAMPLE_RATE / 2, spectrum.shape[1], device=audio.device)
        octave = torch.log2(hertz.clamp(min=50) / 50) / math.log2(SAMPLE_RATE / 100)  # 0 at 50 Hz, 1 at 8 kHz
        decibels = self.response_db * (2 * torch.rand(clips, 1, KNOTS, device=audio.device) - 1)
        response = F.interpolate(decibels, 256, mode="linear", align_corners=True)[:, 0]  # (B, 256) over octaves
        gain = 10 ** (response[:, (octave * 255).long()] / 20)
        sound = torch.fft.irfft(spectrum * gain, n=length)
        if self.noise_db is None:
            return sound
        slope = -BROWN_DB * torch.rand(clips, 1, device=audio.device)
        noise = torch.fft.irfft(torch.fft.rfft(torch.randn_like(sound)) * 10 ** (slope * octave / 20), n=length)
        low, high = self.noise_db
        ratio = low + (high - low) * torch.rand(clips, device=audio.device)
        loud = _level(sound) / _level(noise) * 10 ** (-ratio / 20)
        return sound + loud[:, None] * noise


def _symmetric(count: int, device: torch.device) -> Tensor:
    """(count,) uniform in -1...1."""
    return torch.rand(count, device=device) * 2 - 1


def _level(audio: Tensor) -> Tensor:
    """(B, S) to root mean square (B,), never 0."""
    return audio.square().mean(dim=1).sqrt().clamp(min=1e-6)
