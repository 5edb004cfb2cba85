"""Patches embedded by convolutions that see beyond their own: what small networks learn to see with in minutes.

Xiao et al., "Early convolutions help transformers see better", NeurIPS 2021. What is hidden is set to zero before and
after every convolution, so that nothing of it reaches what is visible, as in Gao et al., "MCMAE: Masked convolution
meets masked autoencoders", NeurIPS 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.errors import AvsyncError
from avsync.models.vit import PATCH, taken, unpatchify


class Convolutions(nn.Module):
    """Convolutions of 3 x 3 with a stride of 2, normalised over the batch, down to a vector a patch.

    Args:
        planes: C, 1 for sound, 3 for pictures, 6 for pictures and their change.
        channels: Of each convolution; four, as 2^4 is the side of a patch.
        width: D.

    Raises:
        AvsyncError: Too few or too many channels.
    """

    def __init__(self, planes: int, channels: Sequence[int], width: int):
        super().__init__()
        if 2 ** len(channels) != PATCH:
            raise AvsyncError(f"size.stem={list(channels)}: {len(channels)} convolutions; expected 4, or [] for none")
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
            for before, after in zip([planes, *channels], channels, strict=False)
        )
        self.out = nn.Linear(channels[-1], width)

    def forward(self, patches: Tensor, grid: tuple[int, int], visible: Tensor | None = None) -> Tensor:
        """Embed what is visible.

        Args:
            patches: (N, P, 256 C), all of them.
            grid: (h, w) of them.
            visible: (N, K) numbers of those that are seen; None for all.

        Returns:
            (N, K, D) in the order of ``visible``.
        """
        planes, seen = unpatchify(patches, grid), None
        if visible is not None:
            seen = planes.new_zeros(len(planes), grid[0] * grid[1]).scatter_(1, visible, 1.0).unflatten(1, (1, *grid))
        planes = _only(seen, planes).contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            planes = _only(seen, stage(planes))
        tokens = planes.flatten(2).transpose(1, 2)
        return self.out(tokens if visible is None else taken(tokens, visible))


def _only(seen: Tensor | None, planes: Tensor) -> Tensor:
    """Planes (N, C, H, W) where (N, 1, h, w) is 1, and 0 elsewhere."""
    return planes if seen is None else planes * F.interpolate(seen, planes.shape[2:]).to(planes.dtype)
