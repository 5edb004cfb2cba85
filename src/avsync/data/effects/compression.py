"""A codec's marks on the picture: blocks of 8 x 8 whose cosine transform is rounded coarsely, as JPEG and H.264 do."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.data.effects.draws import chosen, uniform

SIDE = 8
"""Pixels of a block's side."""


class Compression(nn.Module):
    """Planes (B, T, C, H, W) of 0...255 to the same, each clip with its own coarseness and its own place of the grid.

    Args:
        share: Of clips.
        step: Grey levels to which the lowest frequencies are rounded, drawn on a logarithmic scale; the highest are
            rounded to four times as many.
    """

    def __init__(self, share: float = 0.4, step: tuple[float, float] = (4.0, 40.0)):
        super().__init__()
        self.transform: Tensor
        self.coarser: Tensor
        self.share, self.step = share, step
        one = cosines(SIDE)
        # both directions at once, (64, 64): one product of matrices for all blocks
        self.register_buffer("transform", torch.kron(one, one), persistent=False)
        order = torch.arange(SIDE)
        self.register_buffer("coarser", 1 + 3 * (order[:, None] + order).flatten() / (2 * SIDE - 2), persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        """See the class."""
        some = chosen(len(planes), self.share, planes.device)
        if len(some) == 0:
            return planes
        height, width = planes.shape[3:]
        top, left = torch.randint(0, SIDE, (2,)).tolist()
        edge = (left, -(left + width) % SIDE, top, -(top + height) % SIDE)
        padded = F.pad(planes[some].flatten(1, 2), edge, mode="replicate")
        low, high = (math.log(value) for value in self.step)
        step = uniform(len(some), low, high, planes.device).exp()[:, None, None] * self.coarser  # (b, 1, 64)
        rows = padded.unflatten(3, (-1, SIDE)).unflatten(2, (-1, SIDE))  # (b, T C, H / 8, 8, W / 8, 8)
        blocks = rows.transpose(3, 4)
        flat = blocks.flatten(4).flatten(1, 3) @ self.transform.T  # (b, blocks, 64)
        flat = flat.div_(step).round_().mul_(step) @ self.transform
        seen = flat.view(blocks.shape).transpose(3, 4).reshape(padded.shape)
        seen = seen[:, :, top : top + height, left : left + width].clamp(0, 255)
        planes[some] = seen.unflatten(1, planes.shape[1:3])
        return planes


def cosines(size: int) -> Tensor:
    """(size, size): the orthonormal cosine transform (DCT-II), one frequency a row."""
    order = torch.arange(size)[:, None]
    rows = torch.cos(math.pi * order * (2 * torch.arange(size) + 1) / (2 * size)) * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows
