"""What a clip's JSON tells about what sounds in it: labels, events in time, and masks on the picture.

Preparation copies what was known about a source into the JSON of each of its clips, on the source's clock; here it is
read on the clip's. Data sets that only have labels (VGGSound, AudioSet) have no events and no masks.

    "labels": ["bell", "drum"]                    kinds that sound somewhere in the source
    "events": [[0.52, 1.02, "bell"], ...]         s of the source: from the onset until it is not heard any more
    "mask":   {"height": 64, "width": 80, "rate": 25, "frames": ["", "eJxjYBg...", ...]}

A mask covers the whole picture whatever its size: row r of ``height`` is the share r / height from the top, so it is
compared with heat maps after either is resized to the other. ``frames[k]`` is what is seen k / rate s after the start
of the source: base64 of zlib of the bits of ``height * width`` pixels, or "" when nothing on screen sounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from avsync import clock
from avsync.errors import AvsyncError
from avsync.synthetic.events.masks import unpack
from avsync.synthetic.events.names import KINDS

__all__ = ["KINDS", "events_of", "labels_of", "mask_of"]


def labels_of(meta: dict[str, Any]) -> list[str]:
    """Kinds that sound in a clip; empty when nobody labelled it.

    Raises:
        AvsyncError: ``labels`` is not a list of words.
    """
    labels = meta.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise AvsyncError(f"labels are {labels!r}; a list of words is needed: prepare the data again")
    return labels


def events_of(meta: dict[str, Any]) -> list[tuple[float, float, str]]:
    """(start, end, label) of each event, s from the clip's start, in the order of time; empty when none are known.

    What reaches beyond the clip is cut to it, what lies outside is left out.
    """
    first, last = meta["start"], meta["start"] + meta["seconds"]
    inside = [(max(start, first), min(end, last), label) for start, end, label in meta.get("events", [])]
    return [(round(start - first, 6), round(end - first, 6), label) for start, end, label in inside if start < end]


def mask_of(meta: dict[str, Any], t: int) -> np.ndarray | None:
    """Where on the picture something sounds.

    Args:
        meta: A clip's.
        t: Frame of the clip, 0 .. its frames - 1.

    Returns:
        (h, w) bool over the whole picture; None when nothing seen sounds then, or no masks are known.

    Raises:
        AvsyncError: The clip has no such frame.
    """
    count = clock.frames(meta["seconds"])
    if not 0 <= t < count:
        raise AvsyncError(f"frame {t} of a clip of {count} frames is asked for; give 0 to {count - 1}")
    mask = meta.get("mask")
    if mask is None:
        return None
    index = round((meta["start"] + clock.seconds(t)) * mask["rate"])
    packed = mask["frames"][index] if index < len(mask["frames"]) else ""
    return unpack(packed, mask["height"], mask["width"])
