"""The parts of CAV-MAE: one modality's blocks, the joint blocks, the decoder.

N inputs, P patches of a grid (h, w), K of them visible, G = 1 with a global token, else 0, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.models.stem import Convolutions
from avsync.models.vit import PATCH, Block, Positions, initialise, taken, token

PARTS = ("audio", "video", "joint")
"""The joint block's sets of norms."""


@dataclass(frozen=True)
class Sizes:
    """How large a network is.

    Attributes:
        width: D.
        heads: Of the encoder's attention.
        depth: Blocks of each modality.
        joint_depth: Blocks that both share.
        decoder_width: As far as the decoder goes.
        decoder_heads: The same.
        decoder_depth: The same.
        stem: Channels of the convolutions that embed patches; none for a matrix, as in the papers.
    """

    width: int
    heads: int
    depth: int
    joint_depth: int
    decoder_width: int
    decoder_heads: int
    decoder_depth: int
    stem: Sequence[int] = ()


class Encoder(nn.Module):
    """The blocks of one modality: patches to tokens.

    The global token and the registers are added after masking. Registers take part in these blocks, as room to think
    (Darcet et al., "Vision transformers need registers", ICLR 2024), and are then dropped.

    Args:
        planes: 1 for sound, 3 for pictures, 6 for pictures and their change.
        grid: (h, w) that positions are made for; others interpolate them.
        size: How large.
        registers: Their number, may be 0.
        global_token: Whether there is one.
        learned_positions: Train positions.
    """

    def __init__(
        self,
        planes: int,
        grid: tuple[int, int],
        size: Sizes,
        registers: int,
        global_token: bool,
        learned_positions: bool = False,
    ):
        super().__init__()
        width = size.width
        self.embed = nn.Linear(planes * PATCH**2, width) if not size.stem else Convolutions(planes, size.stem, width)
        self.positions = Positions(grid, width, learned_positions)
        self.modality = token(width)
        self.global_token = token(width) if global_token else None
        self.registers = token(width, registers) if registers else None
        self.blocks = nn.ModuleList(Block(width, size.heads) for _ in range(size.depth))
        initialise(self)

    def placed(self, patches: Tensor, grid: tuple[int, int], visible: Tensor | None = None) -> Tensor:
        """Patches embedded at their places.

        Args:
            patches: (N, P, 256 planes).
            grid: (h, w) of them.
            visible: (N, K) numbers of those that are seen; None for all.

        Returns:
            (N, K, D), in the order of ``visible``.
        """
        places = self.positions(grid) + self.modality  # (1, P, D)
        return self._embedded(patches, grid, visible) + (places if visible is None else places[0][visible])

    def forward(self, placed: Tensor) -> Tensor:
        """(N, K, D) through the blocks to (N, G + K, D): the global token, if there is one, and the patches."""
        before = [] if self.global_token is None else [self.global_token.expand(len(placed), -1, -1)]
        after = [] if self.registers is None else [self.registers.expand(len(placed), -1, -1)]
        tokens = torch.cat([*before, placed, *after], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens[:, : len(before) + placed.shape[1]]

    def alone(self, placed: Tensor) -> Tensor:
        """(N, K, D) to the same, every patch for itself: it sees no other, no global token and no register."""
        tokens = placed.flatten(0, 1)[:, None]  # sequences of one
        for block in self.blocks:
            tokens = block(tokens)
        return tokens.view_as(placed)

    def _embedded(self, patches: Tensor, grid: tuple[int, int], visible: Tensor | None) -> Tensor:
        if isinstance(self.embed, Convolutions):
            return self.embed(patches, grid, visible)
        return self.embed(patches if visible is None else taken(patches, visible))  # what is not seen costs nothing


class Joint(nn.Module):
    """Blocks that sound, picture and both together run through, each with norms of its own.

    Args:
        size: How large.
        contrastive_heads: Blocks that sound and picture, each alone, run through afterwards.
    """

    def __init__(self, size: Sizes, contrastive_heads: int = 0):
        super().__init__()
        self.blocks = nn.ModuleList(Block(size.width, size.heads, PARTS) for _ in range(size.joint_depth))
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(*(Block(size.width, size.heads) for _ in range(contrastive_heads)))
                for name in ("audio", "video")
            }
        )
        self.norms = nn.ModuleDict({name: nn.LayerNorm(size.width) for name in PARTS})
        initialise(self)

    def forward(self, parts: dict[str, Tensor]) -> dict[str, Tensor]:
        """Any of ``audio``, ``video``, ``joint``, (N, T, D) each, to the same; none sees the others."""
        for block in self.blocks:
            parts = block.each(parts)  # type: ignore[operator]
        return {name: self.norms[name](self._headed(name, tokens)) for name, tokens in parts.items()}

    def _headed(self, name: str, tokens: Tensor) -> Tensor:
        return self.heads[name](tokens) if name in self.heads else tokens


class Told(nn.Module):
    """What is contrasted of one modality.

    Args:
        width: D.
        global_token: The first token is it; otherwise the mean of the patches is.
        standardized: Of zero mean and unit variance over the batch; in evaluation by what training went through.
    """

    def __init__(self, width: int, global_token: bool, standardized: bool):
        super().__init__()
        self.first = int(global_token)
        self.mean = nn.BatchNorm1d(width, affine=False) if standardized else None
        self.token = nn.BatchNorm1d(width, affine=False) if standardized and global_token else None

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(N, G + K, D) to what is contrasted (N, D), and the mean of the patches (N, D)."""
        mean = tokens[:, self.first :].mean(dim=1)
        mean = mean if self.mean is None else self.mean(mean.float())
        if not self.first:
            return mean, mean
        return tokens[:, 0] if self.token is None else self.token(tokens[:, 0].float()), mean

    def patches(self, tokens: Tensor) -> Tensor:
        """(N, G + K, D) to (N, K, D), so that their mean is the mean that :meth:`forward` gives in evaluation."""
        patches = tokens[:, self.first :]
        if self.mean is None:
            return patches
        norm = self.mean
        return F.batch_norm(patches.float().mT, norm.running_mean, norm.running_var, eps=norm.eps).mT


class Decoder(nn.Module):
    """Visible patches of both modalities to the pixels of all.

    Args:
        audio_grid: (h, w) of the sound's patches.
        video_grid: The same of the picture's.
        size: How large.
        learned_positions: Train positions.
    """

    def __init__(
        self, audio_grid: tuple[int, int], video_grid: tuple[int, int], size: Sizes, learned_positions: bool = False
    ):
        super().__init__()
        width = size.decoder_width
        self.embed = nn.Linear(size.width, width)
        self.hidden = token(width)
        self.audio_positions = Positions(audio_grid, width, learned_positions)
        self.video_positions = Positions(video_grid, width, learned_positions)
        self.audio_modality, self.video_modality = token(width), token(width)
        self.blocks = nn.ModuleList(Block(width, size.decoder_heads) for _ in range(size.decoder_depth))
        self.norm = nn.LayerNorm(width)
        self.audio_pixels, self.video_pixels = nn.Linear(width, PATCH**2), nn.Linear(width, 3 * PATCH**2)
        initialise(self)

    def forward(
        self,
        tokens: Tensor,
        visible: tuple[Tensor, Tensor],
        grids: tuple[tuple[int, int], tuple[int, int]],
    ) -> tuple[Tensor, Tensor]:
        """Reconstruct.

        Args:
            tokens: (N, K_a + K_v, D), sound first.
            visible: Numbers of the patches they are, (N, K_a) and (N, K_v).
            grids: (h, w) of sound and picture.

        Returns:
            (N, P_a, 256) and (N, P_v, 768): of the picture, not of its change.
        """
        audio, video = self.embed(tokens).split([places.shape[1] for places in visible], dim=1)
        audio = self._placed(audio, visible[0], self.audio_positions(grids[0]) + self.audio_modality)
        video = self._placed(video, visible[1], self.video_positions(grids[1]) + self.video_modality)
        both = torch.cat([audio, video], dim=1)
        for block in self.blocks:
            both = block(both)
        heard, seen = self.norm(both).split([audio.shape[1], video.shape[1]], dim=1)
        return self.audio_pixels(heard), self.video_pixels(seen)

    def _placed(self, tokens: Tensor, visible: Tensor, places: Tensor) -> Tensor:
        """Tokens where their patches are, the learned one everywhere else, and positions: (N, P, width)."""
        hidden = self.hidden.to(tokens.dtype).expand(len(tokens), places.shape[1], -1)
        return hidden.scatter(1, visible[..., None].expand_as(tokens), tokens) + places
