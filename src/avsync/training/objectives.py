"""What SyncNet is trained for: from embeddings of a batch to a loss. Chosen by ``model/objective=...``.

Each takes the (B, N, D) embeddings of both streams and

    weight      (B, N) >= 0, how much each window has to say, None for all alike;
    clip        (B,) the same number where segments are of one clip, None for all of different clips;
    progress    share of the run's steps that are done, 0...1;

and each tells its ``chance(clips, windows)``: the loss of a network that knows nothing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync import losses
from avsync.data.pairs import Hardness, Pairs, draw_pairs, time_targets


class Contrastive(nn.Module):
    """The SyncNet paper's: pairs in sync and pairs that are not, and a margin on their distance.

    Args:
        margin: In units of distance; embeddings of unit length lie at most 2 apart.
        across: Share of negatives from other clips, 0...1.
        hardness: How negatives come nearer as training goes on; None for shifts of any length throughout.
    """

    def __init__(self, margin: float = 1.0, across: float = 0.25, hardness: Hardness | None = None):
        super().__init__()
        self.margin = margin
        self.pairs = PairSource(across, hardness)

    def forward(
        self,
        video: Tensor,
        audio: Tensor,
        weight: Tensor | None = None,
        clip: Tensor | None = None,
        progress: float = 0.0,
    ) -> Tensor:
        """Embeddings to a scalar; see the module."""
        pairs = self.pairs(video, clip, progress)
        picture, sound = video.flatten(0, 1)[pairs.video], audio.flatten(0, 1)[pairs.audio]
        # the root's slope is infinite at 0, where a perfect pair would lie
        distance = (picture - sound).square().sum(dim=1).clamp(min=1e-8).sqrt()
        said = None if weight is None else weight.flatten()[pairs.video]
        return losses.contrastive(distance, pairs.synced, self.margin, said)

    def chance(self, clips: int, windows: int) -> float:
        """All distances alike at half the margin."""
        return self.margin**2 / 8


class CosineEntropy(nn.Module):
    """Wav2Lip's and LatentSync's: is this pair in sync, told by its cosine, with a learned scale and threshold.

    Args:
        across: Share of negatives from other clips, 0...1.
        negatives: For each window; they cost next to nothing.
        hardness: How negatives come nearer as training goes on; None for shifts of any length throughout.
        scale: Of the cosine at the start; it is learned, up to 100.
    """

    def __init__(
        self,
        across: float = 0.25,
        negatives: int = 4,
        hardness: Hardness | None = None,
        scale: float = 10.0,
    ):
        super().__init__()
        self.pairs = PairSource(across, hardness, negatives)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.threshold = nn.Parameter(torch.tensor(0.0))

    def forward(
        self,
        video: Tensor,
        audio: Tensor,
        weight: Tensor | None = None,
        clip: Tensor | None = None,
        progress: float = 0.0,
    ) -> Tensor:
        """Embeddings to a scalar; see the module."""
        pairs = self.pairs(video, clip, progress)
        cosine = F.cosine_similarity(video.flatten(0, 1)[pairs.video], audio.flatten(0, 1)[pairs.audio], dim=1)
        said = None if weight is None else weight.flatten()[pairs.video]
        return losses.cosine_entropy(cosine, pairs.synced, bounded(self.log_scale), self.threshold, said)

    def chance(self, clips: int, windows: int) -> float:
        """All pairs a half."""
        return math.log(2)


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

    def forward(
        self,
        video: Tensor,
        audio: Tensor,
        weight: Tensor | None = None,
        clip: Tensor | None = None,
        progress: float = 0.0,
    ) -> Tensor:
        """Embeddings to a scalar; see the module."""
        scale = bounded(self.log_scale)
        return losses.time_matching(video, audio, scale, across=self.across, weight=weight, clip=clip)

    def chance(self, clips: int, windows: int) -> float:
        """All candidates alike, all segments of different clips."""
        own = 1 + time_targets(windows, torch.device("cpu")).sum(dim=1)  # (N,)
        return float((own + self.across * (clips - 1) * windows).log().mean())


class PairSource:
    """Draws the pairs of a batch by torch's own randomness, which :class:`NetworkTraining` seeds in every step.

    Args:
        across: Share of negatives from other clips, 0...1.
        hardness: How negatives come nearer as training goes on, or None.
        negatives: For each window.
    """

    def __init__(self, across: float, hardness: Hardness | None, negatives: int = 1):
        self.across, self.negatives = across, negatives
        self.hardness = hardness or Hardness(0.0, 0.0)

    def __call__(self, video: Tensor, clip: Tensor | None, progress: float) -> Pairs:
        """Pairs for (B, N, D) embeddings."""
        return draw_pairs(
            *video.shape[:2],
            across=self.across,
            device=video.device,
            near=self.hardness.near(progress),
            reach=self.hardness.reach,
            negatives=self.negatives,
            clip=clip,
        )


def bounded(log_scale: Tensor) -> Tensor:
    """A learned scale from its logarithm, at most 100."""
    return log_scale.clamp(max=math.log(100.0)).exp()
