"""Contrast over all that a step sees: on every device, and with the choice of what a pair is told apart from."""

from __future__ import annotations

import zlib
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class _Gather(torch.autograd.Function):
    """Forward: what all processes hold. Backward: what all of them say about one's own."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        total = slopes[0].contiguous()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


def everywhere(own: Tensor) -> Tensor:
    """(N, ...) of this process to (W N, ...) of all W, in the order of ranks, with gradients; N is the same for all.

    A loss of what it returns is the same on every rank. Averaged over ranks, as DDP does it, its gradients are those
    of one process that sees the whole batch: each rank passes back what W copies of the loss say about its part.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return own
    return _Gather.apply(own)


def numbered(keys: list[str]) -> Tensor:
    """(B,) numbers that are the same where keys are, on whatever rank; int64."""
    return torch.tensor([zlib.crc32(key.encode()) for key in keys])


def told_apart(clip: Tensor, times: Tensor, gap: float | None) -> Tensor:
    """Which sounds a picture has to be told apart from.

    Args:
        clip: (N,) the same number where pairs are of one clip.
        times: (N,) seconds of each pair in its clip.
        gap: Pairs of one clip count too when they are at least so many seconds apart: temporal negatives. None leaves
            them out, as they sound alike.

    Returns:
        (N, N) bool, symmetric, False on the diagonal.
    """
    other = clip[:, None] != clip
    if gap is None:
        return other
    # a pair is never its own negative, even with a gap of 0
    away = ((times[:, None] - times).abs() >= gap) & ~torch.eye(len(clip), dtype=torch.bool, device=clip.device)
    return other | away


def recall(video: Tensor, audio: Tensor) -> float:
    """Share of clips that find their own partner first, mean of both directions.

    Args:
        video: (N, F, D) unit length.
        audio: (N, F, D) unit length; frame f of a clip is compared with frame f of another.
    """
    alike = video.flatten(1) @ audio.flatten(1).T
    own = torch.arange(len(alike), device=alike.device)
    return float(torch.stack([alike.argmax(dim=1) == own, alike.argmax(dim=0) == own]).float().mean())
