"""Where the sound of a file goes: stretches that are moved or stretched, sample by sample, as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

from avsync.media.damage import StreamAccount
from avsync.media.sound import JITTER
from avsync.media.source import Decoder, open_media, packets

_HALF = 16
"""Samples to either side that a sample between samples is made of."""

_PHASES = 512
_FADE = 0.005


@dataclass(frozen=True)
class Stretch:
    """From ``start`` on, the sound for time t is taken from t - offset - slope · (t - start).

    Attributes:
        start: Seconds on the file clock.
        offset: Seconds by which the sound is early there.
        slope: Seconds a second by which it gets earlier: 0.001 is 1000 ppm.
    """

    start: float
    offset: float
    slope: float = 0.0

    def source(self, time: np.ndarray | float) -> Any:
        """Where the sound for ``time`` is in the file, s."""
        return time - self.offset - self.slope * (time - self.start)


def placed(
    path: str | Path, stream: int, origin: float, begin: float, stretches: Sequence[Stretch]
) -> Iterator[Any] | None:
    """The sound of one stream in its new place, to its end.

    Args:
        path: A media file.
        stream: Index of an audio stream.
        origin: Container time of the file clock's 0.
        begin: Second on the file clock of the first sample that comes out.
        stretches: By rising start; the first holds from the beginning whatever its start is.

    Returns:
        (C, n) float32 blocks at the stream's own rate, in its own layout, without a gap; None if nothing of it decodes.
    """
    heard = _Heard(path, stream, origin, _back(stretches))
    return _in_place(heard, begin, stretches) if heard.rate else None


def _in_place(heard: _Heard, begin: float, stretches: Sequence[Stretch]) -> Iterator[Any]:
    rate = heard.rate
    edges = [round(begin * rate)]
    for later in stretches[1:]:
        edges.append(max(edges[-1], round(later.start * rate)))
    before: Stretch | None = None
    for number, stretch in enumerate(stretches):
        at, stop = edges[number], edges[number + 1] if number + 1 < len(edges) else None
        while stop is None or at < stop:
            fading = before is not None and at == edges[number]
            count = max(1, round(_FADE * rate)) if fading else rate
            count = count if stop is None else min(count, stop - at)
            block = _taken(heard, at, count, stretch)
            if block is None:
                break
            if fading and before is not None and (old := _taken(heard, at, count, before)) is not None:
                block = _faded(old, block)
            yield block
            at += block.shape[1]
        before = stretch


def _back(stretches: Sequence[Stretch]) -> float:
    """Seconds that reading may have to go back from one stretch to the next."""
    return 2.0 + max((max(0.0, a.source(b.start) - b.source(b.start)) for a, b in pairwise(stretches)), default=0.0)


def _faded(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """A cut in the sound clicks; a few milliseconds of both do not."""
    count = min(old.shape[1], new.shape[1])
    rise = np.linspace(0, 1, new.shape[1], dtype=np.float32)[:count]
    new[:, :count] = rise * new[:, :count] + (1 - rise) * old[:, :count]
    return new


def _taken(heard: _Heard, at: int, count: int, stretch: Stretch) -> np.ndarray | None:
    """Samples ``at``...``at + count - 1`` of the new sound, fewer at its end, None behind it."""
    if not stretch.slope:
        first = at - round(stretch.offset * heard.rate)
        last = heard.reach(first + count)
        return heard.cut(first, min(first + count, last)) if first < last else None
    place = stretch.source((at + np.arange(count)) / heard.rate) * heard.rate
    whole = np.floor(place).astype(np.int64)
    last = heard.reach(int(whole[-1]) + 1)
    whole = whole[whole < last]
    if not len(whole):
        return None
    return _between(heard, whole, (place[: len(whole)] - whole).astype(np.float32), 1 - stretch.slope)


def _between(heard: _Heard, whole: np.ndarray, part: np.ndarray, pace: float) -> np.ndarray:
    """Band-limited values at ``whole + part``, ``pace`` input samples to an output sample."""
    table = _taps(min(1.0, 1 / pace))
    samples = heard.cut(int(whole[0]) - _HALF + 1, int(whole[-1]) + _HALF + 1)
    windows = np.lib.stride_tricks.sliding_window_view(samples, 2 * _HALF, axis=1)[:, whole - whole[0]]  # (C, n, taps)
    row = part * _PHASES
    low = row.astype(np.int64)
    near = table[low] + (row - low)[:, None] * (table[low + 1] - table[low])
    return np.einsum("cnk,nk->cn", windows, near, optimize=False).astype(np.float32)


def _taps(band: float) -> np.ndarray:
    """(phases + 2, 32) windowed sinc; ``band`` < 1 keeps what would be too high at the new pace from folding back."""
    phase = np.arange(_PHASES + 2)[:, None] / _PHASES
    x = np.arange(-_HALF + 1, _HALF + 1)[None] - phase
    window = 0.42 + 0.5 * np.cos(np.pi * x / _HALF) + 0.08 * np.cos(2 * np.pi * x / _HALF)  # Blackman
    taps = np.sinc(band * x) * np.where(np.abs(x) < _HALF, window, 0)
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)


class _Heard:
    """All channels of one audio stream by sample on the file clock, read as far as asked, silence where there is none.

    Attributes:
        rate: Hz; 0 if nothing decodes.
    """

    def __init__(self, path: str | Path, stream: int, origin: float, back: float) -> None:
        self._blocks = _blocks(path, stream, origin)
        first, block, self.rate = next(self._blocks, (0, np.zeros((1, 0), np.float32), 0))
        self._back = round(back * self.rate)
        self._first, self._held = first, [block]
        self._length = first + block.shape[1]
        self._ended = False

    def reach(self, last: int) -> int:
        """Index after the last sample there is, up to ``last`` at least if the sound goes that far."""
        while self._length < last and not self._ended:
            at, block, _ = next(self._blocks, (0, None, 0))
            if block is None:
                self._ended = True
                break
            gap = at - self._length
            if abs(gap) > JITTER * self.rate:
                silence = np.zeros((block.shape[0], max(0, gap)), np.float32)
                block = np.concatenate([silence, block[:, max(0, -gap) :]], axis=1)
            self._held.append(block)
            self._length += block.shape[1]
        return self._length

    def cut(self, first: int, last: int) -> np.ndarray:
        """(C, last - first), zeros outside of what there is; what lies far before ``first`` is forgotten."""
        self.reach(last)
        held = self._held[0] if len(self._held) == 1 else np.concatenate(self._held, axis=1)
        drop = max(0, min(first - self._back, self._length) - self._first)
        held = held[:, drop:] if drop > self.rate else held
        self._first += drop if drop > self.rate else 0
        self._held = [held]
        begin, end = np.clip([first - self._first, last - self._first], 0, held.shape[1])
        early, late = min(max(0, self._first - first), last - first), 0
        late = last - first - early - (end - begin)
        return np.pad(held[:, begin:end], ((0, 0), (early, late)))


def _blocks(path: str | Path, index: int, origin: float) -> Iterator[tuple[int, Any, int]]:
    """Index of the first sample on the file clock, (C, n) samples, rate: the last two as the first frame has them."""
    with open_media(path) as container:
        stream: Any = container.streams[index]
        decoder = Decoder(container, stream, StreamAccount("audio"))
        how: tuple[Any, ...] | None = None
        target: tuple[Any, int] | None = None
        at = 0
        for packet in packets(container, [stream], lambda reason: None):
            for frame in decoder.decode(packet):
                if how != (frame.format.name, frame.layout.name, frame.sample_rate):
                    how = (frame.format.name, frame.layout.name, frame.sample_rate)
                    if target is None:
                        target, at = (frame.layout, frame.sample_rate), round(-origin * frame.sample_rate)
                    resampler = av.AudioResampler(format="fltp", layout=target[0], rate=target[1])
                assert target is not None
                if frame.time is not None:  # of several in a packet only the first has a time: the others follow it
                    at = round((float(frame.time) - origin) * target[1])
                for piece in resampler.resample(frame):
                    yield at, piece.to_ndarray(), target[1]
                    at += piece.samples
