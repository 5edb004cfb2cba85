"""What can be read off outlines and embeddings when training does not learn. Pure functions; B segments, T frames."""

from __future__ import annotations

import torch
from torch import Tensor

SILENT_DB = -70.0
"""dB of full scale under which a segment's loudest band counts as silence."""

DEEP_DB = 40.0
"""dB below a segment's loudest band at which levels are cut off."""

RIDGE = 0.02
"""Weight of small coefficients in the regression, as a share of the tiles' mean variance."""


def motion(tiles: Tensor) -> Tensor:
    """Grey levels by which the liveliest tile varies over time: (B, T, 64) to (B,). Still or black: below 1."""
    return tiles.std(dim=1).amax(dim=1)


def modulation(bands: Tensor) -> Tensor:
    """Decibels by which the liveliest band varies over time: (B, T, 16) to (B,). A steady hiss or hum: below 3."""
    return _heard(bands).std(dim=1).amax(dim=1)


def silent(bands: Tensor) -> Tensor:
    """(B, T, 16) to (B,) bool."""
    return bands.amax(dim=(1, 2)) < SILENT_DB


def repeated(outline: Tensor, clip: list[str]) -> bool:
    """Whether segments of several clips all have the same outline, (B, T, F)."""
    return len(set(clip)) > 1 and bool((outline == outline[:1]).all())


def spread(embeddings: Tensor) -> float:
    """How much windows differ, as a share of their length: (B, N, D) to 0 (all alike) ... 1."""
    flat = embeddings.flatten(0, 1).cpu().double()
    return float(flat.var(dim=0, correction=0).sum() / flat.square().sum(dim=1).mean().clamp(min=1e-30))


def apart(video: Tensor, audio: Tensor) -> tuple[float, float]:
    """How far pairs in sync lie from shifted pairs, and these from pairs of other clips, in standard deviations.

    Args:
        video: (B, N, D) embeddings; pairs are shifted by half the segment.
        audio: (B, N, D).

    Returns:
        Two differences of mean distance, positive where the second kind is farther; the second is 0 for one clip.
    """
    synced = (video - audio).norm(dim=2)
    shifted = (video - audio.roll(audio.shape[1] // 2, dims=1)).norm(dim=2)
    other = (video - audio.roll(1, dims=0).roll(audio.shape[1] // 2, dims=1)).norm(dim=2)
    return _difference(synced, shifted), _difference(shifted, other)


def foretold(tiles: Tensor, bands: Tensor, fold: Tensor, search: int) -> Tensor:
    """How well the picture foretells the loudness, for each candidate offset: correlation on clips not fitted.

    A line (ridge regression) from the tiles' brightness to the loudness, both relative to their clip's mean. It needs
    no training, and finds out of sync data even when a network could learn nothing from them.

    Args:
        tiles: (B, T, 64).
        bands: (B, T, 16).
        fold: (B,) 0 or 1; what is fitted on one fold is tried on the other, so clips must not be in both.
        search: Largest offset tried, in frames.

    Returns:
        (2 search + 1,) correlations for offsets -search...+search, positive where the sound is early; 0 where segments
        are too short.
    """
    picture = tiles - tiles.mean(dim=1, keepdim=True)
    picture = picture / picture.std(dim=(1, 2), keepdim=True).clamp(min=1e-3)
    loud = _heard(bands).mean(dim=2)
    loud = (loud - loud.mean(dim=1, keepdim=True)) / loud.std(dim=1, keepdim=True).clamp(min=1e-3)
    steps = tiles.shape[1]
    found = torch.zeros(2 * search + 1)
    for column, offset in enumerate(range(-search, search + 1)):
        first, last = max(0, offset), steps + min(0, offset)  # picture frames whose sound, offset earlier, is there
        if last - first > 1 and fold.unique().numel() == 2:
            found[column] = _correlation(picture[:, first:last], loud[:, first - offset : last - offset], fold)
    return found


def stands_out(curve: Tensor, width: int = 11) -> tuple[int, float, float]:
    """Where a curve lies highest above its surroundings, by how much, and how much the rest does by chance.

    Args:
        curve: (2 search + 1,).
        width: Candidates whose median is the surroundings, odd; speech has a rhythm, so a curve is not flat.

    Returns:
        The offset, -search...search, the height, and the robust standard deviation of heights elsewhere.
    """
    side = width // 2
    padded = torch.cat([curve[1 : side + 1].flip(0), curve, curve[-side - 1 : -1].flip(0)])
    above = curve - padded.unfold(0, width, 1).median(dim=1).values
    place = int(above.argmax())
    rest = torch.cat([above[: max(0, place - 2)], above[place + 3 :]])
    return place - len(curve) // 2, float(above[place]), float(1.48 * rest.abs().median())


def _heard(bands: Tensor) -> Tensor:
    return torch.maximum(bands, bands.amax(dim=(1, 2), keepdim=True) - DEEP_DB)


def _difference(near: Tensor, far: Tensor) -> float:
    deviation = ((near.var() + far.var()) / 2).sqrt()
    return float((far.mean() - near.mean()) / deviation.clamp(min=1e-6))


def _correlation(picture: Tensor, loud: Tensor, fold: Tensor) -> float:
    """Of what is foretold with what is heard, over both folds."""
    said, heard = [], []
    for held in (0, 1):
        known, known_loud = picture[fold != held].flatten(0, 1), loud[fold != held].flatten()
        gram = known.T @ known / len(known)
        ridge = (RIDGE * gram.diagonal().mean() + 1e-6) * torch.eye(len(gram))
        line = torch.linalg.solve(gram + ridge, known.T @ known_loud / len(known))
        said.append(picture[fold == held].flatten(0, 1) @ line)
        heard.append(loud[fold == held].flatten())
    return float(torch.corrcoef(torch.stack([torch.cat(said), torch.cat(heard)])).nan_to_num()[0, 1])
