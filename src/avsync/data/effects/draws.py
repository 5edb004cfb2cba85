"""What every effect draws: one number a clip, and which clips it is for."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(clips: int, low: float, high: float, device: torch.device) -> Tensor:
    """(B,) uniform in low...high."""
    return low + (high - low) * torch.rand(clips, device=device)


def symmetric(clips: int, device: torch.device) -> Tensor:
    """(B,) uniform in -1...1."""
    return uniform(clips, -1.0, 1.0, device)


def chosen(clips: int, share: float, device: torch.device) -> Tensor:
    """Indices of the clips that an effect is for, each with the chance ``share``."""
    return (torch.rand(clips, device=device) < share).nonzero()[:, 0]
