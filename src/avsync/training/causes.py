"""Why training does not learn: from what was seen to one line a cause, with the numbers and what to do.

Every function returns what it found as lines by cause; a healthy training gives none.
"""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

from avsync import clock
from avsync.data.pairs import TOLERANCE
from avsync.evaluation.protocols import SEARCH
from avsync.training import symptoms

AT_CHANCE, BELOW_CHANCE = 0.98, 0.9
"""Of the chance value: a loss above the first has learned nothing, one below the second has learned something."""

STILL, STEADY_DB = 1.0, 3.0
"""Grey levels and dB by which picture and sound vary over time when there is nothing in them."""

COLLAPSED = 1e-3
"""Spread of embeddings, 0...1, under which all windows are one."""

ALIKE = 0.2
"""Standard deviations between two kinds of pairs under which they are the same."""

RELATED = 0.1
"""Correlation above which picture and sound have to do with each other."""

FEWEST = 8
"""Segments of validation before its offset is judged."""


def in_data(keys: list[str], tiles: Tensor, bands: Tensor) -> dict[str, str]:
    """``sound`` or ``picture`` without information: silent, steady, still or black in more than half of the segments.

    Args:
        keys: B clips.
        tiles: (B, T, 64), see :mod:`avsync.data.outline`.
        bands: (B, T, 16).
    """
    found = {}
    still, silent = symptoms.motion(tiles) < STILL, symptoms.silent(bands)
    steady = (symptoms.modulation(bands) < STEADY_DB) & ~silent
    if (silent | steady).float().mean() > 0.5:
        found["sound"] = (
            f"the sound carries no information: of {len(keys)} segments {_share(silent)} are silent and "
            f"{_share(steady)} steady, no band changing by {STEADY_DB:.0f} dB; look at the sources' audio streams"
        )
    if still.float().mean() > 0.5:
        found["picture"] = (
            f"the picture carries no information: in {_share(still)} of {len(keys)} segments no part changes by "
            f"{STILL:.0f} grey level over time, still or black; look at the crops"
        )
    return found


def in_batch(keys: list[str], tiles: Tensor, bands: Tensor) -> dict[str, str]:
    """``same``: all clips of a batch hold the same picture or the same sound."""
    same = [name for name, one in (("picture", tiles), ("sound", bands)) if symptoms.repeated(one, keys)]
    if not same:
        return {}
    return {
        "same": f"all {len(keys)} segments of a batch hold the same {' and '.join(same)}; look at how clips are read"
    }


def in_relation(keys: list[str], tiles: Tensor, bands: Tensor) -> tuple[float, dict[str, str]]:
    """How well pictures foretell loudness at offset 0, -1...1, and ``out_of_sync`` when they do better elsewhere."""
    # by the key and not by its place: segments of one clip must be in one fold
    fold = torch.tensor([zlib.crc32(key.encode()) % 2 for key in keys])
    curve = symptoms.foretold(tiles, bands, fold, SEARCH)
    offset, height, chance = symptoms.stands_out(curve)
    here, there = float(curve[SEARCH]), float(curve[SEARCH + offset])
    # a mouth may be widest a frame or two before or after it is loudest
    if abs(offset) <= 2 * TOLERANCE or height < max(0.06, 0.8 * len(keys) ** -0.5, 5 * chance):
        return here, {}
    line = (
        f"the training data look out of sync: {_moved(offset)}; there a line from picture to loudness has a "
        f"correlation of {there:.2f}, at 0 {here:.2f} ({len(keys)} segments); move the sound or prepare with check=CKPT"
    )
    return here, {"out_of_sync": line}


def in_validation(curves: Tensor) -> dict[str, str]:
    """``out_of_sync``: the network finds the validation data best matched at another offset than 0.

    Args:
        curves: (B, 31) mean distance of each segment for offsets -15...+15; NaN where nothing was compared.
    """
    curves = curves[~curves.isnan().any(dim=1)]
    if len(curves) < FEWEST:
        return {}
    curve = curves.mean(dim=0)
    offset, depth, chance = symptoms.stands_out(-curve)
    nearer = curves[:, SEARCH] - curves[:, SEARCH + offset]
    certain = nearer.mean() > 6 * nearer.std() / len(nearer) ** 0.5
    if abs(offset) <= TOLERANCE or depth < 8 * chance or not certain:
        return {}
    line = (
        f"the validation data are out of sync: {_moved(offset)}; there the network's mean distance is "
        f"{float(curve[SEARCH + offset]):.3f}, at 0 {float(curve[SEARCH]):.3f}, elsewhere {float(curve.median()):.3f} "
        f"({len(curves)} segments); move the sound or prepare with check=CKPT"
    )
    return {"out_of_sync": line}


def in_learning(losses: Tensor, look: dict[str, float], chance: float, relation: float | None) -> dict[str, str]:
    """``collapsed``, ``labels``, ``clips`` or ``chance``: what loss and embeddings say together.

    Args:
        losses: (W,) of the last steps.
        look: ``in_time`` and ``in_clip`` of :func:`symptoms.apart`, and ``picture`` and ``sound``, the spread of
            their embeddings.
        chance: The loss of a network that knows nothing.
        relation: What :func:`in_relation` found at offset 0, if it was asked.
    """
    mean, flat = float(losses.mean()), _flat(look)
    gap = f"pairs in sync and shifted ones lie {look['in_time']:.2f} standard deviations apart"
    if mean > AT_CHANCE * chance and (flat or look["in_time"] < ALIKE) and not _falling(losses):
        stays = f"the loss, {mean:.3f} over {len(losses)} steps, is that of knowing nothing ({chance:.3f})"
        if flat:
            return {"collapsed": f"{stays}: {flat}; lower model.optimizer.lr, or look at features and objective"}
        return {"chance": f"{stays}: {gap}; {_advice(relation)}"}
    if mean < BELOW_CHANCE * chance and (look["in_time"] < ALIKE or flat):
        falls = f"the loss, {mean:.3f}, is far below chance ({chance:.3f}), but {gap}"
        if look["in_clip"] > ALIKE and not flat:
            return {"clips": f"{falls}: only clips are told apart, not times; lower model.objective.across"}
        return {"labels": f"{falls}: labels tell nothing, all pairs may be marked alike; look at the pairs"}
    return {}


def in_contrast(losses: Tensor, look: dict[str, float], chance: float) -> dict[str, str]:
    """``collapsed`` or ``chance``: what contrast and embeddings of scenes say together.

    Args:
        losses: (W,) contrast of the last steps.
        look: ``in_clip`` of :func:`symptoms.apart`, and ``picture`` and ``sound``, the spread of their embeddings.
        chance: The contrast of a network that knows nothing.
    """
    mean, flat = float(losses.mean()), _flat(look)
    if mean < AT_CHANCE * chance or not (flat or look["in_clip"] < ALIKE) or _falling(losses):
        return {}
    stays = f"the contrast, {mean:.3f} over {len(losses)} steps, is that of knowing nothing ({chance:.3f})"
    if flat:
        return {"collapsed": f"{stays}: {flat}; lower model.optimizer.lr, or raise model.contrast"}
    gap = f"own pairs and those of other clips lie {look['in_clip']:.2f} standard deviations apart"
    return {"chance": f"{stays}: {gap}; are these the right sounds? If so, raise model.contrast or data.batch_size"}


def _flat(look: dict[str, float]) -> str:
    """Words on embeddings that are all alike; none where they are not."""
    flat = [f"{name} {look[name]:.1g}" for name in ("picture", "sound") if look[name] < COLLAPSED]
    return f"embeddings have collapsed, windows differ by this share of their length: {', '.join(flat)}" if flat else ""


def _advice(relation: float | None) -> str:
    if relation is None:
        return "try another model.optimizer.lr"
    said = f"a line from picture to loudness has a correlation of {relation:.2f}"
    if relation > RELATED:
        return f"the data seem in order ({said}); look at labels and features, or try another model.optimizer.lr"
    return f"{said} only: are these the right sounds? If so, train longer or begin with model.init_from"


def _falling(losses: Tensor) -> bool:
    """Whether the second half lies below the first by more than chance would have it."""
    first, second = losses.chunk(2)
    error = ((first.var() + second.var()) / len(second)).sqrt()
    return bool(first.mean() - second.mean() > 3 * error)


def _moved(offset: int) -> str:
    return f"{clock.describe(clock.seconds(offset))} ({offset:+d} frames)"


def _share(which: Tensor) -> str:
    return f"{float(which.float().mean()):.0%}"
