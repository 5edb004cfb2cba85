"""What a measurement saw on its way, thinned so that a page of it stays small however long the file is."""

from __future__ import annotations

import base64
import math
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from avsync import clock
from avsync.alignment.compare import Compared
from avsync.alignment.pieces import Piece
from avsync.data.speech import THRESHOLD_DB
from avsync.media.probe import MediaInfo
from avsync.media.sound import Sound

CELLS = 3_000_000
"""Distances that a page holds, a byte each."""

NOTHING = 255
"""Byte of an offset that the sound does not reach; the others are 0...254, from the nearest to the farthest."""

BOX_EVERY = 5
"""Frames from one face box to the next."""

LEVELS = 20_000
"""Values of loudness that a page holds."""

_QUIETEST, _PER_DB = 80.0, 3.0


class Trace:
    """Distances and face boxes of every track; hand it to :func:`avsync.alignment.measure.measure` as ``seen``.

    Args:
        info: The file.
    """

    def __init__(self, info: MediaInfo) -> None:
        assert info.video is not None
        self._size = np.array([info.video.width, info.video.height] * 2, np.float32)
        self._frames = max(1, clock.frames(info.duration))
        self._sums: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
        self._boxes: dict[int, list[np.ndarray]] = {}
        self.step = 0

    def __call__(self, piece: Piece, compared: Compared) -> None:
        """Take one piece of a face."""
        distances = compared.distances.numpy().astype(np.float32)  # (N, 2 search + 1)
        self.step = self.step or max(1, math.ceil(self._frames * distances.shape[1] / CELLS))
        first = clock.frames(piece.start)
        bins = (first + np.arange(len(distances))) // self.step
        shape = (int(bins[-1] - bins[0]) + 1, distances.shape[1])
        sums, counts = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        np.add.at(sums, bins - bins[0], np.nan_to_num(distances))
        np.add.at(counts, bins - bins[0], ~np.isnan(distances))
        self._sums.setdefault(piece.track, []).append((int(bins[0]), sums, counts))
        if piece.boxes is not None:
            kept = np.arange(-first % BOX_EVERY, len(piece.boxes), BOX_EVERY)
            shown = (piece.boxes[kept] / self._size).clip(0, 1) * 65535
            rows = np.column_stack([(first + kept) // BOX_EVERY, shown.round()])
            self._boxes.setdefault(piece.track, []).append(rows)

    def distances(self, track: int) -> tuple[int, np.ndarray]:
        """Number of the first row, and (N, 2 search + 1) distances, a row every ``step`` frames; NaN for nothing."""
        parts = self._sums[track]
        first, last = min(part[0] for part in parts), max(part[0] + len(part[1]) for part in parts)
        sums, counts = np.zeros((2, last - first, parts[0][1].shape[1]), np.float32)
        for at, some, count in parts:
            sums[at - first : at - first + len(some)] += some
            counts[at - first : at - first + len(some)] += count
        return first, np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

    @cached_property
    def range(self) -> tuple[float, float]:
        """Distances between which colours are spread, all but a fiftieth at either end; asked for when all was seen."""
        seen = [one[~np.isnan(one)] for one in (self.distances(track)[1] for track in self._sums)]
        values = np.concatenate(seen) if seen else np.zeros(0)
        low, high = np.quantile(values, (0.02, 0.98)) if len(values) else (0.0, 1.0)
        return float(low), float(max(high, low + 1e-6))

    def track(self, track: int) -> dict[str, Any]:
        """Plain values for the page: the matrix in bytes, and the boxes."""
        if track not in self._sums:
            return {"matrix": None, "boxes": None}
        low, high = self.range
        first, distances = self.distances(track)
        bytes_ = ((distances - low) / (high - low) * 254).clip(0, 254).round()
        cells = np.where(np.isnan(bytes_), NOTHING, bytes_).astype(np.uint8)
        boxes = np.concatenate(self._boxes[track]) if track in self._boxes else np.zeros((0, 5))
        return {
            "matrix": {"first": first, "rows": len(cells), "columns": cells.shape[1], "data": packed(cells)},
            "boxes": {"at": boxes[:, 0].astype(int).tolist(), "data": packed(boxes[:, 1:].astype("<u2"))},
        }


def loudness(path: str | Path) -> dict[str, Any]:
    """The sound's level over time, for the page: bytes of a third of a decibel above -80 dB, and what counts as speech.

    The line is that of :func:`avsync.data.speech.speech_share`, here for the whole file.
    """
    sound, energies, first = Sound(path), [], 0
    block = 250 * clock.SAMPLES_PER_FRAME
    while len(heard := sound.cut(first, first + block)) >= clock.SAMPLES_PER_FRAME:
        whole = len(heard) // clock.SAMPLES_PER_FRAME * clock.SAMPLES_PER_FRAME
        energies.append((heard[:whole].reshape(-1, clock.SAMPLES_PER_FRAME) ** 2).mean(axis=1))
        first += block
        sound.forget(first)
    energy = np.concatenate(energies) if energies else np.zeros(1, np.float32)
    line = _byte(max(float(np.quantile(energy, 0.95)), 1e-9) * 10 ** (-THRESHOLD_DB / 10))
    step = max(1, math.ceil(len(energy) / LEVELS))
    loudest = np.maximum.reduceat(energy, np.arange(0, len(energy), step))
    return {"step": clock.seconds(step), "line": float(line), "data": packed(_byte(loudest).astype(np.uint8))}


def _byte(energy: Any) -> Any:
    return np.round((10 * np.log10(np.maximum(energy, 1e-12)) + _QUIETEST) * _PER_DB).clip(0, 255)


def packed(values: np.ndarray) -> str:
    """An array's bytes as text."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
