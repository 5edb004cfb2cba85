"""Picture in, as networks trained on ImageNet see it, and on request how it changed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.errors import AvsyncError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels, red, green and blue in 0...1."""

CHANGE = 2.0
"""Factor of differences between pictures, which are small beside the pictures."""


class Picture(nn.Module):
    """Whole frames: the shorter side to ``size``, the middle cut out, planes normalised.

    Args:
        size: Pixels of a side of what the network sees.
        before: Frames of 40 ms after which the change of the picture is seen beside it, as its difference from the
            earlier one (Wang et al., "Temporal segment networks", ECCV 2016); 0 for pictures alone. One picture tells
            what is there, and hardly whether it acts.

    Attributes:
        planes: C, of what the network sees: 3, or 6 with the change.
    """

    def __init__(self, size: int = 224, before: int = 0):
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.size, self.before = size, before
        self.planes = 6 if before else 3
        self.register_buffer("mean", 255 * torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", 255 * torch.tensor(STD)[:, None, None], persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Transform.

        Args:
            frames: (..., H, W, C) RGB, uint8 or float in 0...255; of six planes the last three are the earlier picture
                (:func:`avsync.data.scene.with_earlier`).

        Returns:
            (..., C, size, size) float32, the picture and, of six planes, its change.

        Raises:
            AvsyncError: Another number of planes.
        """
        lead, (height, width, given) = frames.shape[:-3], frames.shape[-3:]
        if given != self.planes:
            raise AvsyncError(
                f"pictures have {given} planes, this network sees {self.planes}; give data.before={self.before} as "
                "in video_features.before, and colours: data.augment.colour=true"
            )
        with torch.autocast(frames.device.type, enabled=False):  # half precision holds no 256 values
            planes = frames.flatten(0, -4).permute(0, 3, 1, 2).float()  # (P, C, H, W)
            if min(height, width) != self.size:
                share = self.size / min(height, width)
                to = (round(height * share), round(width * share))
                planes = F.interpolate(planes, to, mode="bicubic", antialias=True, align_corners=False).clamp(0, 255)
            top, left = (planes.shape[2] - self.size) // 2, (planes.shape[3] - self.size) // 2
            planes = planes[..., top : top + self.size, left : left + self.size]
            now = (planes[:, :3] - self.mean) / self.std
            if self.before:
                now = torch.cat([now, CHANGE * (planes[:, :3] - planes[:, 3:]) / self.std], dim=1)
            return now.unflatten(0, lead)

    def shown(self, pictures: Tensor) -> Tensor:
        """(..., C, H, W) as :meth:`forward` gives them back to (..., H, W, 3) uint8, for people to look at."""
        planes = (pictures[..., :3, :, :].float() * self.std + self.mean).round().clamp(0, 255)
        return planes.to(torch.uint8).movedim(-3, -1)
