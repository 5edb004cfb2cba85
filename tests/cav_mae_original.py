"""CAV-MAE and CAV-MAE Sync as released: their tensors' names, and what they do with them, step by step."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tables import tensors

STATE = tensors("""
modality_{a,v} 1x1x768
pos_embed_a 1x208x768
pos_embed_v 1x196x768
register_tokens 16x768
mask_token 1x1x512
decoder_modality_{a,v} 1x1x512
decoder_pos_embed_a 1x208x512
decoder_pos_embed_v 1x196x512
cls_token_{a,v} 1x1x768
patch_embed_a.proj.weight 768x1x16x16
patch_embed_v.proj.weight 768x3x16x16
patch_embed_{a,v}.proj.bias 768
blocks_{a.#11,v.#11,u.#1}.{norm1,norm2}{,_a,_v}.{weight,bias} 768
blocks_{a.#11,v.#11,u.#1}.attn.qkv.weight 2304x768
blocks_{a.#11,v.#11,u.#1}.attn.qkv.bias 2304
blocks_{a.#11,v.#11,u.#1}.attn.proj.weight 768x768
blocks_{a.#11,v.#11,u.#1}.attn.proj.bias 768
blocks_{a.#11,v.#11,u.#1}.mlp.fc1.weight 3072x768
blocks_{a.#11,v.#11,u.#1}.mlp.fc1.bias 3072
blocks_{a.#11,v.#11,u.#1}.mlp.fc2.weight 768x3072
blocks_{a.#11,v.#11,u.#1}.mlp.fc2.bias 768
norm{_a,_v,}.{weight,bias} 768
decoder_embed.weight 512x768
decoder_embed.bias 512
decoder_blocks.#8.{norm1,norm2}{,_a,_v}.{weight,bias} 512
decoder_blocks.#8.attn.qkv.weight 1536x512
decoder_blocks.#8.attn.qkv.bias 1536
decoder_blocks.#8.attn.proj.weight 512x512
decoder_blocks.#8.attn.proj.bias 512
decoder_blocks.#8.mlp.fc1.weight 2048x512
decoder_blocks.#8.mlp.fc1.bias 2048
decoder_blocks.#8.mlp.fc2.weight 512x2048
decoder_blocks.#8.mlp.fc2.bias 512
decoder_norm.{weight,bias} 512
decoder_pred_a.weight 256x512
decoder_pred_a.bias 256
decoder_pred_v.weight 768x512
decoder_pred_v.bias 768
""")
"""The released CAV-MAE Sync's 650 tensors."""


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = (part.view(n, t, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=2))
        weights = (q @ k.transpose(2, 3) / math.sqrt(width // self.heads)).softmax(dim=3)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, t, width))


class Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    """Three sets of norms, whether used or not."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        for number in (1, 2):
            for ending in ("", "_a", "_v"):
                setattr(self, f"norm{number}{ending}", nn.LayerNorm(width))
        self.attn, self.mlp = Attention(width, heads), Mlp(width)

    def forward(self, x: Tensor, ending: str = "") -> Tensor:
        x = x + self.attn(getattr(self, f"norm1{ending}")(x))
        return x + self.mlp(getattr(self, f"norm2{ending}")(x))


class Patches(nn.Module):
    def __init__(self, planes: int, width: int):
        super().__init__()
        self.proj = nn.Conv2d(planes, width, 16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class Original(nn.Module):
    """Tensors are named as in the released file; without ``registers`` it is CAV-MAE."""

    def __init__(  # noqa: PLR0913
        self,
        width=768,
        heads=12,
        depth=11,
        inner=512,
        inner_heads=16,
        inner_depth=8,
        columns=26,
        side=14,
        registers: int | None = 8,
    ):
        super().__init__()
        audio, video = 8 * columns, side**2

        def token(count: int, size: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(1, count, size))

        self.registers = registers
        self.modality_a, self.modality_v = token(1, width), token(1, width)
        self.pos_embed_a, self.pos_embed_v = token(audio, width), token(video, width)
        if registers is not None:
            self.register_tokens = nn.Parameter(torch.randn(2 * registers, width))
            self.cls_token_a, self.cls_token_v = token(1, width), token(1, width)
        self.mask_token, self.decoder_modality_a, self.decoder_modality_v = (token(1, inner) for _ in range(3))
        self.decoder_pos_embed_a, self.decoder_pos_embed_v = token(audio, inner), token(video, inner)
        self.patch_embed_a, self.patch_embed_v = Patches(1, width), Patches(3, width)
        self.blocks_a, self.blocks_v = (nn.ModuleList(Block(width, heads) for _ in range(depth)) for _ in range(2))
        self.blocks_u = nn.ModuleList([Block(width, heads)])
        self.norm_a, self.norm_v, self.norm = (nn.LayerNorm(width) for _ in range(3))
        self.decoder_embed = nn.Linear(width, inner)
        self.decoder_blocks = nn.ModuleList(Block(inner, inner_heads) for _ in range(inner_depth))
        self.decoder_norm = nn.LayerNorm(inner)
        self.decoder_pred_a, self.decoder_pred_v = nn.Linear(inner, 256), nn.Linear(inner, 768)

    def encode(self, patches: Tensor, part: str, seen: Tensor) -> Tensor:
        """One modality's blocks, registers dropped after them."""
        x = patches + getattr(self, f"pos_embed_{part}") + getattr(self, f"modality_{part}")
        x = torch.stack([clip[places] for clip, places in zip(x, seen, strict=True)])
        if self.registers is not None:
            rows = self.register_tokens[: self.registers] if part == "a" else self.register_tokens[self.registers :]
            cls = getattr(self, f"cls_token_{part}")
            x = torch.cat([cls.repeat(len(x), 1, 1), x, rows.repeat(len(x), 1, 1)], dim=1)
        for block in getattr(self, f"blocks_{part}"):
            x = block(x)
        return x[:, : x.shape[1] - (self.registers or 0)]

    def forward(self, sound: Tensor, picture: Tensor, seen_a: Tensor, seen_v: Tensor) -> dict[str, Tensor]:
        """(N, L, 128), (N, 3, H, W) and numbers of patches seen to tokens, latents and reconstructions."""
        a = self.encode(self.patch_embed_a(sound[:, None].transpose(2, 3)), "a", seen_a)
        v = self.encode(self.patch_embed_v(picture), "v", seen_v)
        first = 0 if self.registers is None else 1
        latent = self.norm(self.blocks_u[0](torch.cat([a[:, first:], v[:, first:]], dim=1)))
        ca, cv = self.norm_a(self.blocks_u[0](a, "_a")), self.norm_v(self.blocks_u[0](v, "_v"))
        told = [x[:, 0] if first else x.mean(dim=1) for x in (ca, cv)]
        pred_a, pred_v = self.decode(latent, seen_a, seen_v)
        return {"token_a": told[0], "token_v": told[1], "latent": latent, "pred_a": pred_a, "pred_v": pred_v}

    def decode(self, latent: Tensor, seen_a: Tensor, seen_v: Tensor) -> tuple[Tensor, Tensor]:
        x, rows = self.decoder_embed(latent), []
        for clip, places_a, places_v in zip(x, seen_a, seen_v, strict=True):
            audio = self.mask_token[0].repeat(self.decoder_pos_embed_a.shape[1], 1)
            video = self.mask_token[0].repeat(self.decoder_pos_embed_v.shape[1], 1)
            audio[places_a], video[places_v] = clip[: len(places_a)], clip[len(places_a) :]
            audio = audio + self.decoder_pos_embed_a[0] + self.decoder_modality_a[0]
            video = video + self.decoder_pos_embed_v[0] + self.decoder_modality_v[0]
            rows.append(torch.cat([audio, video]))
        x = torch.stack(rows)
        for block in self.decoder_blocks:
            x = block(x)
        x, count = self.decoder_norm(x), self.decoder_pos_embed_a.shape[1]
        return self.decoder_pred_a(x[:, :count]), self.decoder_pred_v(x[:, count:])


SMALL = {"width": 128, "heads": 2, "depth": 2, "inner": 64, "inner_heads": 2, "inner_depth": 2, "columns": 3, "side": 2}
"""Heads are as wide as the released network's."""
