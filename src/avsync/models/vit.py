"""Vision transformers' parts: patches, positions on a grid, attention, blocks with several sets of norms.

Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021. N inputs, C planes, h w = P patches, T tokens, D width.

timm gives Mlp and the interpolation of positions. Attention and Block are ours: the joint block has three sets of
norms, and sound, picture and both together go through one product with its matrices, each looking only at itself;
timm's block has one set and one sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
import torch.nn.functional as F
from timm.layers import Mlp, resample_abs_pos_embed
from torch import Tensor, nn

from avsync.errors import AvsyncError

PATCH = 16
"""Pixels of a side of a patch; also steps and bands of a spectrogram's."""


def patchify(planes: Tensor) -> Tensor:
    """(N, C, 16 h, 16 w) to (N, P, 256 C): patches row by row, in each its pixels row by row, planes last."""
    cut = planes.unflatten(3, (-1, PATCH)).unflatten(2, (-1, PATCH))  # (N, C, h, 16, w, 16)
    return cut.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, grid: tuple[int, int]) -> Tensor:
    """The way back, from (N, P, 256 C) and (h, w) to (N, C, 16 h, 16 w)."""
    cut = patches.unflatten(1, grid).unflatten(3, (PATCH, PATCH, -1))  # (N, h, w, 16, 16, C)
    return cut.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


def finely(look: Callable[[Tensor], Tensor], pictures: Tensor, finer: int) -> Tensor:
    """Look several times, each time at the picture moved by another part of a patch.

    Args:
        look: From (N, C, 16 h, 16 w) to (N, h, w, D).
        pictures: (N, C, 16 h, 16 w).
        finer: s, how many looks each way: 1, 2, 4, 8 or 16.

    Returns:
        (N, s h, s w, D), evenly spaced; 1 is one look at the picture itself.

    Raises:
        AvsyncError: A patch is not of so many parts.
    """
    if finer < 1 or PATCH % finer:
        raise AvsyncError(f"finer={finer} does not divide a patch; expected 1, 2, 4, 8 or 16")
    step, edge = PATCH // finer, PATCH // 2
    moves = [edge + step * k - (PATCH - step) // 2 for k in range(finer)]
    around = F.pad(pictures, (edge, edge, edge, edge), mode="replicate")
    height, width = pictures.shape[2:]
    rows = [torch.stack([look(around[:, :, y : y + height, x : x + width]) for x in moves], dim=3) for y in moves]
    return torch.stack(rows, dim=2).flatten(3, 4).flatten(1, 2)  # (N, h, s, w, s, D)


def taken(tokens: Tensor, places: Tensor) -> Tensor:
    """(N, P, D) and numbers (N, K) to (N, K, D)."""
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[2]))


class Positions(nn.Module):
    """One vector for each place of a grid, interpolated (bicubic) for other grids.

    Args:
        grid: (h, w).
        width: D, a multiple of 4.
        learned: Train them; otherwise they stay the sines and cosines they begin as.
    """

    def __init__(self, grid: tuple[int, int], width: int, learned: bool = False):
        super().__init__()
        self.grid = grid
        self.table = nn.Parameter(sines(grid, width)[None], requires_grad=learned)

    def forward(self, grid: tuple[int, int]) -> Tensor:
        """(1, h w, D) for a grid of (h, w)."""
        if grid == self.grid:
            return self.table
        return resample_abs_pos_embed(self.table, list(grid), list(self.grid), num_prefix_tokens=0)


def sines(grid: tuple[int, int], width: int) -> Tensor:
    """(h w, D): half of a vector tells the column, half the row, as sines and cosines of falling frequency."""
    frequency = 10_000 ** -(torch.arange(width // 4) / (width // 4))
    rows, columns = (torch.arange(count)[:, None] * frequency for count in grid)  # (h, D / 4), (w, D / 4)
    row, column = (torch.cat([angle.sin(), angle.cos()], dim=1) for angle in (rows, columns))
    height, breadth = grid
    return torch.cat([column.repeat(height, 1), row.repeat_interleave(breadth, 0)], dim=1)


class Attention(nn.Module):
    """Self-attention with one matrix for queries, keys and values.

    Args:
        width: D.
        heads: D is a multiple of it.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor, lengths: list[int]) -> Tensor:
        """(N, T, D) to the same; stretches of ``lengths`` tokens look each only at itself."""
        qkv = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, N, heads, T, D / heads)
        seen = [attend(*part) for part in qkv.split(lengths, dim=3)]
        return self.proj(joined(seen, dim=2).transpose(1, 2).flatten(2))


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Scaled dot products, (N, heads, T, D / heads) each to the same.

    Fused, but for bfloat16 on a CPU: there the fused way back takes 2 to 6 times as long as products (torch 2.11).
    """
    if queries.device.type == "cpu" and queries.dtype == torch.bfloat16:
        alike = queries * queries.shape[-1] ** -0.5 @ keys.transpose(-2, -1)  # (N, heads, T, T)
        return alike.softmax(dim=-1) @ values
    return F.scaled_dot_product_attention(queries, keys, values)


class Block(nn.Module):
    """A transformer's block, norms first, that may have several sets of them over the same matrices.

    Args:
        width: D.
        heads: Of the attention.
        norms: Names of the sets.
    """

    def __init__(self, width: int, heads: int, norms: Iterable[str] = ("own",)):
        super().__init__()
        names = list(norms)
        self.norm1 = nn.ModuleDict({name: nn.LayerNorm(width) for name in names})
        self.norm2 = nn.ModuleDict({name: nn.LayerNorm(width) for name in names})
        self.attention, self.mlp = Attention(width, heads), Mlp(width, 4 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T, D) to the same, with the only set of norms."""
        return self.each({"own": tokens})["own"]

    def each(self, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Sequences (N, T, D), each with the norms of its name and for itself; matrices see them all at once."""
        lengths = [tokens.shape[1] for tokens in parts.values()]

        def normed(norms: nn.ModuleDict, tokens: Iterable[Tensor]) -> Tensor:
            return joined([norms[name](part) for name, part in zip(parts, tokens, strict=True)], dim=1)

        tokens = joined(list(parts.values()), dim=1)
        tokens = tokens + self.attention(normed(self.norm1, parts.values()), lengths)
        tokens = tokens + self.mlp(normed(self.norm2, tokens.split(lengths, dim=1)))
        return dict(zip(parts, tokens.split(lengths, dim=1), strict=True))


def joined(parts: list[Tensor], dim: int) -> Tensor:
    """One tensor of several, without a copy when there is only one."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


@torch.no_grad()
def initialise(net: nn.Module) -> None:
    """Matrices as in the ViT of its authors (uniform, Glorot & Bengio 2010), no bias, norms that change nothing."""
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def token(width: int, count: int = 1) -> nn.Parameter:
    """(1, count, D) learned tokens, small as all of them begin: a deviation of 0.02."""
    return nn.Parameter(0.02 * torch.randn(1, count, width))
