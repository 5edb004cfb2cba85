"""Localization: the sound of a moment points at what sounds in its picture.

The heat map is the cosine of the sound's token with the picture's patches, both as they leave the joint block and its
norm, brought to the size of the mask by bilinear interpolation. In a network with places (``model.net.places``) every
patch went that way by itself. With ``finer`` the picture is looked at several times, moved by parts of a patch. The map
is judged in every frame by itself:

    pointing   the highest value lies inside the mask; where several are highest, the share of them that does.
               Chance is the mask's share of the picture, ``pointing_chance``; what always points at the middle
               reaches ``pointing_middle``, and the same network with the sound of another clip ``pointing_other``,
               the clip before: a network that looks for things and does not listen is as good with that
    piou       sum of min(p, m) over sum of max(p, m) for the map p, scaled to 0...1 within its frame, and the mask m:
               the IoU of a map that is taken for probabilities, without any threshold
    iou        IoU of the mask with the part of the map above one threshold, the one best on validation
    iou_half   the same above 0.5
    ciou       share of frames with an ``iou`` of at least 0.5 (Senocak et al., CVPR 2018, with one annotator)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avsync import clock
from avsync.data.events import mask_of
from avsync.data.shards import OpenClip
from avsync.errors import AvsyncError
from avsync.evaluation.embeddings import Found, Row, Split, pictures_of
from avsync.evaluation.scene_pages import heat_figures, middle
from avsync.models.vit import PATCH, finely

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae

THRESHOLDS = torch.linspace(0.05, 0.95, 19)
TIE = 1e-6
SUCCESS = 0.5
"""IoU from which on a frame counts as found."""


@dataclass(frozen=True)
class Heat:
    """A frame whose sounding thing is known.

    Attributes:
        key: Of the clip.
        time: Of the frame, seconds.
        picture: (S, S, 3) uint8, as much of the frame as the network sees.
        mask: (M, M) bool, what sounds in it.
        map: (M, M) cosines.
        other: (M, M) cosines with the sound of another clip, or None for the first of all clips.
    """

    key: str
    time: float
    picture: np.ndarray
    mask: Tensor
    map: Tensor
    other: Tensor | None = None

    def scaled(self) -> Tensor:
        """The map in 0...1; 0 where it is flat."""
        low, high = self.map.min(), self.map.max()
        return (self.map - low) / (high - low).clamp(min=TIE)


def heat_map(token: Tensor, patches: Tensor, size: tuple[int, ...]) -> Tensor:
    """Cosine of a token with every patch, interpolated.

    Args:
        token: (D,).
        patches: (h, w, D).
        size: Height and width that are wanted.

    Returns:
        (H, W) in -1...1.
    """
    cosine = F.normalize(patches.float(), dim=-1) @ F.normalize(token.float(), dim=-1)  # (h, w)
    return F.interpolate(cosine[None, None], list(size), mode="bilinear", align_corners=False)[0, 0]


def pointing(heat: Tensor, mask: Tensor) -> float:
    """1 if the highest value of ``heat`` (H, W) lies inside ``mask`` (H, W), else 0; a share for several highest."""
    return float(mask[heat >= heat.max() - TIE].double().mean())


def soft_iou(shares: Tensor, mask: Tensor) -> float:
    """IoU of ``shares`` (H, W) in 0...1 with ``mask`` (H, W) bool.

    Example:
        >>> soft_iou(torch.tensor([[0.5, 0.5]]), torch.tensor([[True, False]]))
        0.3333333333333333
    """
    truth = mask.double()
    return float(torch.minimum(shares.double(), truth).sum() / torch.maximum(shares.double(), truth).sum())


def iou(found: Tensor, mask: Tensor) -> float:
    """Overlap of two (H, W) bool, 0...1; 0 if both are empty."""
    return float((found & mask).sum() / (found | mask).sum().clamp(min=1))


def fit_threshold(heats: list[Heat]) -> float:
    """The one of ``THRESHOLDS`` at which the mean IoU is highest; 0.5 where no mask is known."""
    if not heats:
        return 0.5
    means = [np.mean([iou(heat.scaled() >= threshold, heat.mask) for heat in heats]) for threshold in THRESHOLDS]
    return float(THRESHOLDS[int(np.argmax(means))])


def localization_scores(heats: list[Heat], threshold: float) -> dict[str, float]:
    """The mean over frames of what the module's text defines, and how many ``frames`` there are."""
    rows = []
    for heat in heats:
        side = heat.mask.shape[0] // 2
        overlap = iou(heat.scaled() >= threshold, heat.mask)
        rows.append({
            "pointing": pointing(heat.map, heat.mask),
            "pointing_chance": float(heat.mask.double().mean()),
            "pointing_middle": float(heat.mask[side, side]),
            "piou": soft_iou(heat.scaled(), heat.mask),
            "iou": overlap,
            "iou_half": iou(heat.scaled() >= 0.5, heat.mask),
            "ciou": float(overlap >= SUCCESS),
        })  # fmt: skip
    found = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} | {"frames": len(rows)}
    others = [pointing(heat.other, heat.mask) for heat in heats if heat.other is not None]
    return found | ({"pointing_other": float(np.mean(others))} if others else {})


class Localization:
    """Sound-prompted heat maps against masks of what sounds.

    Args:
        frames: Frames of a clip that are looked at, spread evenly over those with a mask.
        finer: Heat maps have so many values a patch each way, from pictures moved by parts of a patch; things may be
            smaller than one.
    """

    name = "localization"
    splits = ("val", "test")

    def __init__(self, frames: int = 4, finer: int = 2):
        if finer < 1 or PATCH % finer:
            raise AvsyncError(f"localization.finer={finer}: expected a divisor of {PATCH}, the pixels of a patch")
        if frames < 1:
            raise AvsyncError(f"localization.frames={frames}: expected 1 or more frames of a clip")
        self.frames, self.finer = frames, finer
        self._before: Tensor | None = None  # (D,) a sound of the clip before

    def look(self, net: CavMae, clip: OpenClip) -> list[Heat]:
        """Heat maps of some frames; none where nothing visible sounds."""
        masks = {}
        for index in range(len(clip.frames)):
            mask = mask_of(clip.meta, index)
            if mask is not None and middle(mask).any():
                masks[index] = middle(mask)
        if not masks:
            return []
        known = np.array(list(masks))
        chosen = known[np.unique(np.linspace(0, len(known) - 1, self.frames + 2).round().astype(int)[1:-1])]
        own, other = self._maps(net, clip, chosen, [masks[index].shape for index in chosen])
        return [
            Heat(
                clip.key,
                clock.seconds(index),
                middle(clip.frames[index]),
                torch.from_numpy(masks[index]),
                own[number],
                other[number] if other else None,
            )
            for number, index in enumerate(chosen.tolist())
        ]

    @torch.inference_mode()
    def _maps(
        self, net: CavMae, clip: OpenClip, chosen: np.ndarray, sizes: list[tuple[int, ...]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Heat maps of some frames with their own sounds, and with one of the clip before."""
        device = next(net.parameters()).device
        times = torch.from_numpy(chosen / clock.FPS).float()[None].to(device)
        windows = net.windows(torch.from_numpy(clip.audio)[None].to(device), times)[0]
        tokens = net.encode_audio(windows).token
        pictures = net.video_features(pictures_of(net, clip, chosen).to(device))
        patches = finely(net.encode_places, pictures, self.finer)
        own = [heat_map(*row).cpu() for row in zip(tokens, patches, sizes, strict=True)]
        before, self._before = self._before, tokens[len(tokens) // 2]
        if before is None or before.shape != tokens[0].shape:
            return own, []
        return own, [heat_map(before.to(device), *row).cpu() for row in zip(patches, sizes, strict=True)]

    def __call__(self, net: CavMae, splits: Mapping[str, Split]) -> Found:
        """Fit the threshold on ``val`` and measure on ``test``."""
        known, asked = ([heat for heats in splits[name].looks[self.name] for heat in heats] for name in ("val", "test"))
        if not asked:
            return Found({}, page=["<p>No clip says what in it sounds: localization was not measured.</p>"])
        threshold = fit_threshold(known)
        scores = localization_scores(asked, threshold)
        rows = [
            Row("pointing inside the mask", f"{scores['pointing']:.3f}", f"{scores['pointing_chance']:.3f}"),
            Row("pointing, with another clip's sound", f"{scores.get('pointing_other', float('nan')):.3f}"),
            Row("pIoU, no threshold", f"{scores['piou']:.3f}"),
            Row(f"IoU above {threshold:.2f}", f"{scores['iou']:.3f}"),
            Row("frames with IoU of 0.5 or more", f"{scores['ciou']:.3f}"),
        ]
        metrics = {f"localization/{name}": value for name, value in scores.items()}
        return Found(metrics, rows, {"threshold": threshold}, heat_figures(asked, threshold))
