"""Augmentation of whole batches, on the device where the model runs. B clips, T frames, S = 640 T samples, C planes.

A frame of a scene may hold V = 2 pictures, its own and an earlier one: both are varied alike, but for noise, which a
sensor has anew in every picture. Effects see T V pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avsync.data.effects.picture import Warp
from avsync.data.effects.sound import Voices
from avsync.data.effects.speed import Speed
from avsync.data.pairs import numbered
from avsync.errors import AvsyncError

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""


class Augment(nn.Module):
    """Vary what carries no synchronization, one draw a clip: all its frames and all its samples alike.

        picture ─► speed ─► grey ─► warp, region ─► effects in their order
        sound   ─► speed ─► voices ─► effects in their order

    Args:
        colour: Keep three colour planes; otherwise one grey plane, which a third of the work augments.
        region: Top, left and side, as shares of the picture's, of the square that is made; the rest stays black. What
            the network does not look at need not be warped. None makes everything.
        speed: Changes both streams together, or None.
        warp: Makes the region from the picture, or None to leave everything in its place.
        voices: Adds sounds of other clips of the batch, or None.
        picture: Effects by name, each from planes (B, T, C, H, W) of 0...255, which it may overwrite, to the same.
        sound: Effects by name, each from waveforms (B, S) to the same.
    """

    def __init__(
        self,
        colour: bool = False,
        region: tuple[float, float, float] | None = None,
        speed: Speed | None = None,
        warp: Warp | None = None,
        voices: Voices | None = None,
        picture: Mapping[str, nn.Module] | None = None,
        sound: Mapping[str, nn.Module] | None = None,
    ):
        super().__init__()
        self.colour, self.region, self.speed, self.warp, self.voices = colour, region, speed, warp, voices
        self.picture_effects = nn.ModuleDict(dict(picture or {}))
        self.sound_effects = nn.ModuleDict(dict(sound or {}))

    @torch.no_grad()
    def forward(self, batch: dict) -> dict:
        """``frames`` (B, T, H, W, 3 V) uint8 to (B, T, H, W, 3 V or V) float, ``audio`` (B, S) to the same.

        With a change of speed T becomes less, and ``speech`` follows.

        Raises:
            AvsyncError: The speed cannot be changed of frames that hold an earlier picture.
        """
        pictures = batch["frames"].shape[-1] // 3  # of a frame
        planes, audio = self.planes(batch["frames"]), batch["audio"].float()
        if self.speed is not None:
            if pictures > 1:
                raise AvsyncError(
                    "frames hold earlier pictures, of which speed makes others; give data.augment.speed=null"
                )
            planes, audio, speech = self.speed(planes, audio, batch["speech"])
            batch = {**batch, "speech": speech}
        frames = self.picture(planes)
        if pictures > 1:
            frames = frames.unflatten(1, (-1, pictures)).movedim(2, 4).flatten(4)
        return {**batch, "frames": frames, "audio": self.sound(audio, batch["key"])}

    def planes(self, frames: Tensor) -> Tensor:
        """(B, T, H, W, 3 V) uint8 to (B, T V, 1 or 3, H, W) float32 in 0...255."""
        frames = frames.unflatten(4, (-1, 3)).movedim(4, 2).flatten(1, 2)
        if self.colour:
            return frames.permute(0, 1, 4, 2, 3).contiguous().float()
        return (frames.float() @ torch.tensor(LUMA, device=frames.device))[:, :, None]  # a third of three sums' time

    def picture(self, planes: Tensor) -> Tensor:
        """(B, T, C, H, W) in 0...255 to (B, T, H, W, C)."""
        height, width = planes.shape[3:]
        rows, columns = self.seen(height, width)
        part = planes[..., rows, columns] if self.warp is None else self.warp(planes, rows, columns)
        for effect in self.picture_effects.values():
            part = effect(part)
        if part.shape != planes.shape:
            whole = torch.zeros_like(planes)
            whole[..., rows, columns] = part
            part = whole
        return part.permute(0, 1, 3, 4, 2)

    def sound(self, audio: Tensor, keys: list[str]) -> Tensor:
        """(B, S) of the clips of these keys to the same."""
        if self.voices is not None:
            audio = self.voices(audio, numbered(keys))
        for effect in self.sound_effects.values():
            audio = effect(audio)
        return audio

    def seen(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the region, those that it holds a part of too."""
        if self.region is None:
            return slice(0, height), slice(0, width)
        top, left, side = self.region
        rows = slice(math.floor(top * height), math.ceil((top + side) * height))
        return rows, slice(math.floor(left * width), math.ceil((left + side) * width))
