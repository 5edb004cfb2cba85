"""Masks of what sounds, as text for JSON and back."""

from __future__ import annotations

import base64
import zlib

import numpy as np


def pack(mask: np.ndarray | None) -> str:
    """A mask of bools as base64 of zlib of its bits; "" for None."""
    return "" if mask is None else base64.b64encode(zlib.compress(np.packbits(mask).tobytes(), 9)).decode()


def unpack(packed: str, height: int, width: int) -> np.ndarray | None:
    """The mask (height, width) bool that was packed; None for ""."""
    if not packed:
        return None
    bits = np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8)
    return np.unpackbits(bits, count=height * width).astype(bool).reshape(height, width)
