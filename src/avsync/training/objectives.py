"""What SyncNet is trained for: from embeddings of a batch to a loss. Chosen by ``model/objective=...``."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from avsync import losses
from avsync.data.pairs import draw_pairs


class Contrastive(nn.Module):
    """The SyncNet paper's: pairs in sync and pairs that are not, and a margin on their distance.

    Args:
        margin: In units of distance; embeddings of unit length lie at most 2 apart.
        across: Share of negatives from other clips, 0...1.
        seed: Of the pairs drawn.
    """

    def __init__(self, margin: float = 1.0, across: float = 0.25, seed: int = 0):
        super().__init__()
        self.margin, self.across = margin, across
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self, video: Tensor, audio: Tensor, weight: Tensor | None = None) -> Tensor:
        """(B, N, D) embeddings of both streams, and how much each window has to say (B, N), to a scalar."""
        clips, windows, _ = video.shape
        pairs = draw_pairs(clips, windows, across=self.across, generator=self.generator, device=video.device)
        picture, sound = video.flatten(0, 1)[pairs.video], audio.flatten(0, 1)[pairs.audio]
        # the root's slope is infinite at 0, where a perfect pair would lie
        distance = (picture - sound).square().sum(dim=1).clamp(min=1e-8).sqrt()
        said = None if weight is None else weight.flatten()[pairs.video]
        return losses.contrastive(distance, pairs.synced, self.margin, said)


class TimeMatching(nn.Module):
    """Multi-way matching over time within a clip, with a learned scale of the cosine.

    Args:
        across: Let the windows of the other clips be candidates too.
        scale: At the start; it is learned, up to 100.
    """

    def __init__(self, across: bool = False, scale: float = 10.0):
        super().__init__()
        self.across = across
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, video: Tensor, audio: Tensor, weight: Tensor | None = None) -> Tensor:
        """(B, N, D) embeddings of both streams, and how much each window has to say (B, N), to a scalar."""
        scale = self.log_scale.clamp(max=math.log(100.0)).exp()
        return losses.time_matching(video, audio, scale, across=self.across, weight=weight)
