"""Picture in, as the released SyncNet sees it: whole face crops in colour."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ColourFrames(nn.Module):
    """Face crops with their planes in OpenCV's order (blue, green, red) and their values as they are, 0...255.

    Bytes stay bytes, a quarter of the memory; the tower turns a piece at a time into numbers.

    Args:
        face_size: Pixels of the face crop; others are resized to it.
    """

    def __init__(self, face_size: int = 224):
        super().__init__()
        self.face_size = face_size

    def forward(self, frames: Tensor) -> Tensor:
        """Turn.

        Args:
            frames: (B, T, H, W, 3) RGB or (B, T, H, W, 1) grey, uint8 or float in 0...255.

        Returns:
            (B, 3, T, size, size) of the same type.
        """
        planes = frames.expand(*frames.shape[:4], 3).flip(-1).permute(0, 4, 1, 2, 3)
        size = (self.face_size, self.face_size)
        if planes.shape[3:] == size:
            return planes
        pictures = planes.flatten(0, 1).float()  # (B 3, T, H, W)
        pictures = F.interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)
        pictures = pictures if frames.is_floating_point() else pictures.round().to(frames.dtype)
        return pictures.unflatten(0, planes.shape[:2])
