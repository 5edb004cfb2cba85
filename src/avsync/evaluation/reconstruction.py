"""Reconstruction: what the decoder makes of a picture and its sound when most patches are hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.data.scene import evenly
from avsync.data.shards import OpenClip, open_clips
from avsync.evaluation.embeddings import Found, Row, Split, pictures_of
from avsync.evaluation.page import picture
from avsync.evaluation.scene_pages import beside, coloured
from avsync.losses import masked_mse
from avsync.models.vit import PATCH, unpatchify

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae

GREY = 128
"""What hidden patches look like on the page."""


@dataclass(frozen=True)
class Rebuilt:
    """The middle frame of a clip and the sound around it.

    Attributes:
        key: Of the clip.
        video: (3, H, W, 3) uint8: what is given, the reconstruction, the original.
        audio: (3, mels, L, 3) uint8: the same of the spectrogram, low bands at the bottom.
        errors: Mean squared errors of hidden patches, ``video`` and ``audio``.
    """

    key: str
    video: np.ndarray
    audio: np.ndarray
    errors: dict[str, float]


class Reconstruction:
    """Errors and pictures of hidden patches.

    Args:
        clips: Of the test split that are looked at.
        shown: Of those, on the page.
        normalised: The network was trained to give patches of zero mean and unit variance; the page then takes each
            patch's own mean and variance from the original.
        seed: Of what is hidden.
    """

    name = "reconstruction"
    splits = ("test",)

    def __init__(self, clips: int = 24, shown: int = 6, normalised: bool = True, seed: int = 0):
        self.clips, self.shown, self.normalised, self.seed = clips, shown, normalised, seed

    def look(self, net: CavMae, clip: OpenClip) -> None:
        """Nothing: a few clips are read again."""

    def __call__(self, net: CavMae, splits: Mapping[str, Split]) -> Found:
        """Mean squared error of hidden patches; 1 is what a patch's mean gives when errors are normalised."""
        generator = torch.Generator(next(net.parameters()).device).manual_seed(self.seed)
        some = islice(open_clips(splits["test"].folders), self.clips)
        rebuilt = [self._rebuilt(net, clip, generator) for clip in some]
        metrics = {
            f"reconstruction/{stream}_mse": float(np.mean([one.errors[stream] for one in rebuilt]))
            for stream in ("video", "audio")
        }
        chance = "1.000" if self.normalised else ""
        rows = [Row(f"hidden {what}, squared error", f"{value:.3f}", chance) for what, value in zip(
            ("picture", "sound"), metrics.values(), strict=True)]  # fmt: skip
        return Found(metrics, rows, page=self._page(rebuilt[: self.shown]))

    @torch.inference_mode()
    def _rebuilt(self, net: CavMae, clip: OpenClip, generator: torch.Generator) -> Rebuilt:
        device = next(net.parameters()).device
        shown = evenly(len(clip.frames), 1)
        pictures = net.video_features(pictures_of(net, clip, shown).to(device))
        times = torch.from_numpy(shown / clock.FPS).float()[None].to(device)
        windows = net.windows(torch.from_numpy(clip.audio)[None].to(device), times)[0]
        out = net(windows, pictures, generator)
        target_a, target_v = net.patchify_audio(windows), net.patchify_video(pictures)
        errors = {
            "video": float(masked_mse(out.pred_v, target_v, out.mask_v, self.normalised)),
            "audio": float(masked_mse(out.pred_a, target_a, out.mask_a, self.normalised)),
        }
        grid = (pictures.shape[2] // PATCH, pictures.shape[3] // PATCH)
        planes = self._planes(out.pred_v, target_v, out.mask_v, grid)
        video = net.video_features.shown(planes[:, 0]).cpu().numpy()  # type: ignore[operator]
        video[0] = np.where(_pixels(out.mask_v, grid), GREY, video[0])
        bands = windows.shape[2] // PATCH
        grid = (bands, out.mask_a.shape[1] // bands)
        heard = self._planes(out.pred_a, target_a, out.mask_a, grid)[:, 0, 0].flip(1).cpu().numpy()  # (3, mels, L)
        low, high = heard[2].min(), max(heard[2].max(), heard[2].min() + 1e-6)
        audio = coloured(((heard - low) / (high - low)).clip(0, 1), "magma")
        audio[0] = np.where(_pixels(out.mask_a, grid)[::-1], GREY, audio[0])
        return Rebuilt(clip.key, video, audio, errors)

    def _planes(self, pred: Tensor, target: Tensor, mask: Tensor, grid: tuple[int, int]) -> Tensor:
        """(3, 1, C, H, W): the original twice with the reconstruction of hidden patches between."""
        if self.normalised:
            pred = pred * (target.var(-1, keepdim=True) + 1e-6).sqrt() + target.mean(-1, keepdim=True)
        mixed = torch.where(mask[..., None] > 0, pred, target)
        return torch.stack([unpatchify(patches.float(), grid) for patches in (target, mixed, target)])

    def _page(self, rebuilt: Sequence[Rebuilt]) -> list[str]:
        own = " Hidden patches have the mean and contrast of the original." if self.normalised else ""
        parts = [f"<p>What is given, what the network makes of it, the original: picture and sound.{own}</p>"]
        parts.append('<div class="grid">')
        for one in rebuilt:
            said = f"{one.key}: squared error {one.errors['video']:.2f} (picture), {one.errors['audio']:.2f} (sound)"
            seen = picture(beside(*map(enlarged, one.video)), said)
            parts.append(seen + picture(beside(*map(enlarged, one.audio)), "its sound, low bands below"))
        return [*parts, "</div>"]


def enlarged(pixels: np.ndarray, least: int = 128) -> np.ndarray:
    """(H, W, 3) with each pixel drawn so often that the height is ``least`` or more."""
    times = -(-least // pixels.shape[0])
    return pixels.repeat(times, 0).repeat(times, 1)


def _pixels(mask: Tensor, grid: tuple[int, int]) -> np.ndarray:
    """(1, P) to (16 h, 16 w, 1) bool."""
    return mask[0].reshape(grid).bool().cpu().numpy().repeat(PATCH, 0).repeat(PATCH, 1)[..., None]
