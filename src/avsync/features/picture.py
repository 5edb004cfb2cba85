"""Picture in, as networks trained on ImageNet see it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels, red, green and blue in 0...1."""


class Picture(nn.Module):
    """Whole frames: the shorter side to ``size``, the middle cut out, planes normalised.

    Args:
        size: Pixels of a side of what the network sees.
    """

    def __init__(self, size: int = 224):
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.size = size
        self.register_buffer("mean", 255 * torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", 255 * torch.tensor(STD)[:, None, None], persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Transform.

        Args:
            frames: (..., H, W, 3) RGB, uint8 or float in 0...255.

        Returns:
            (..., 3, size, size) float32.
        """
        lead, (height, width, _) = frames.shape[:-3], frames.shape[-3:]
        with torch.autocast(frames.device.type, enabled=False):  # half precision holds no 256 values
            planes = frames.flatten(0, -4).permute(0, 3, 1, 2).float()  # (P, 3, H, W)
            if min(height, width) != self.size:
                share = self.size / min(height, width)
                to = (round(height * share), round(width * share))
                planes = F.interpolate(planes, to, mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)
            top, left = (planes.shape[2] - self.size) // 2, (planes.shape[3] - self.size) // 2
            planes = planes[..., top : top + self.size, left : left + self.size]
            return ((planes - self.mean) / self.std).unflatten(0, lead)

    def shown(self, pictures: Tensor) -> Tensor:
        """(..., 3, H, W) as :meth:`forward` gives them back to (..., H, W, 3) uint8, for people to look at."""
        planes = (pictures.float() * self.std + self.mean).round().clamp(0, 255)
        return planes.to(torch.uint8).movedim(-3, -1)
