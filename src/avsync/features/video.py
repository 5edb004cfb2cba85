"""Picture in: face crops to what a video tower sees."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.data.augment import LUMA


class MouthFrames(nn.Module):
    """Grey mouth region of a face crop, each frame to zero mean and unit variance.

    The region is fixed in the crop, since crops are stabilised by landmarks (mouth centre 0.64 down); it reaches
    higher than that needs, because in the crops of LRS and of SyncNet's pipeline the mouth sits near 0.55. Statistics
    are per frame, so that a clip and any piece of it give the same input.

    Args:
        face_size: Pixels of the face crop; others are resized to it.
        size: Pixels of the mouth region, square.
        top: Upper edge of the region as a share of the crop.
    """

    def __init__(self, face_size: int = 96, size: int = 48, top: float = 0.41):
        super().__init__()
        self.luma: Tensor
        self.face_size, self.size, self.top = face_size, size, top
        self.register_buffer("luma", torch.tensor(LUMA), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Crop.

        Args:
            frames: (B, T, H, W, 3) RGB or (B, T, H, W, 1) grey, uint8 or float in 0...255.

        Returns:
            (B, 1, T, size, size) float32.
        """
        batch, steps, height, width, planes = frames.shape
        if height == width == self.face_size:
            frames = self._region(frames)
        with torch.autocast(frames.device.type, enabled=False):  # half precision holds no 256 greys and is not resized
            grey = frames.float() @ self.luma if planes == 3 else frames[..., 0].float()
        grey = grey.flatten(0, 1)  # (B T, H, W)
        if (height, width) != (self.face_size, self.face_size):
            size = (self.face_size, self.face_size)
            grey = F.interpolate(grey[:, None], size, mode="bilinear", antialias=True, align_corners=False)
            grey = self._region(grey[:, 0, :, :, None])[..., 0]
        mean = grey.mean(dim=(1, 2), keepdim=True)
        deviation = grey.std(dim=(1, 2), keepdim=True)
        grey = (grey - mean) / (deviation + 4.0)  # 4 of 255 grey levels: a black frame stays 0, not noise blown up
        return grey.unflatten(0, (batch, steps))[:, None]

    def _region(self, frames: Tensor) -> Tensor:
        top = round(self.top * self.face_size)
        left = (self.face_size - self.size) // 2
        return frames[..., top : top + self.size, left : left + self.size, :]
