"""Sound at a steady sample rate on the file clock, as a stream.

Nothing is counted that a timestamp can tell: late starts and gaps are silence of their length, jitter is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from avsync.clock import SAMPLE_RATE
from avsync.errors import MediaError
from avsync.media.damage import Account
from avsync.media.probe import probe
from avsync.media.read import MOST_SILENCE, jump
from avsync.media.source import decode

JITTER = 0.010
"""Seconds that timestamps may stray from the count of samples before it is believed to be a gap. Matroska
rounds to 1 ms; the shortest packet in common use that can be lost whole is 20 ms (Opus)."""

_VOTES = 64
_SILENT_CHANNELS = {"LFE", "LFE2"}


class Sound:
    """The sound of a file, read as far as it is asked for.

    Channels are averaged (the low-frequency effects channel left out). Where there is no sound (a late start,
    a gap in the timestamps) there is silence; jitter below 10 ms is no gap. Memory holds what was read and not yet
    forgotten.

    Args:
        path: A media file.
        sample_rate: Hz of the samples.
        account: Told what was read and what was wrong; without one, damage is a warning in the log.
        begin: Seconds on the file clock before which nothing will be asked for.

    Attributes:
        start: Time of the first sample that is in the file, s on the file clock.

    Raises:
        MediaError: The file cannot be opened or has no sound that decodes; later, when its timestamps leave more than
            ten minutes silent.
    """

    def __init__(
        self, path: str | Path, sample_rate: int = SAMPLE_RATE, account: Account | None = None, begin: float = 0.0
    ):
        info = probe(path)
        if info.audio is None:
            raise MediaError(f"{path}: no sound in this file; a file with an audio stream is needed")
        if account is not None:
            account.origin = info.origin
        self.start = info.audio.start
        self._path, self._rate = path, sample_rate
        frames = decode(path, "audio", account, info.origin + begin if begin > 0 else None)
        self._blocks = _placed(frames, info.origin, sample_rate)
        self._held = Waveform(max(0, math.floor(begin * sample_rate)))
        self._silent = self._before = 0

    def cut(self, first: int, last: int | None = None) -> np.ndarray:
        """Samples ``first``...``last - 1`` of the file clock, fewer where the sound ends before; None is its end.

        Args:
            first: Not before what was forgotten.
            last: Index after the last sample.

        Returns:
            (S,) float32 in [-1, 1].
        """
        while (last is None or self._held.length < last) and self._read():
            pass
        return self._held.cut(first, last)

    def forget(self, before: int) -> None:
        """Samples before this one will not be asked for again; those that were not read yet are not held then."""
        self._before = max(self._before, before)
        self._held.forget(min(self._before, self._held.length))

    def end(self) -> int:
        """Index after the last sample: reads to the end, holding nothing more."""
        while self._read():
            self.forget(self._held.length)
        return self._held.length

    def _read(self) -> bool:
        """Take one more block; False at the end."""
        first, samples = next(self._blocks, (0, None))
        if samples is None:
            return False
        self._silent += max(0, first - self._held.length)
        if self._silent > MOST_SILENCE * self._rate:
            raise jump(self._path, "sound", self._silent / self._rate)
        self._held.put(first, samples)
        self._held.forget(min(self._before, self._held.length))
        return True


class Waveform:
    """Samples by their index, as far as they have come and from where they were not forgotten.

    Args:
        first: Index of the first sample that will be asked for.

    Attributes:
        length: Index after the last sample.
    """

    def __init__(self, first: int = 0) -> None:
        self.length = first
        self._first = first  # index of the first sample that is held
        self._held: list[np.ndarray] = []

    def put(self, first: int, samples: np.ndarray) -> None:
        """Go on with samples from index ``first``: a gap is silence, what is there already stays."""
        gap = first - self.length
        new = np.concatenate([np.zeros(gap, np.float32), samples]) if gap > 0 else samples[-gap:]
        self._held.append(np.clip(new, -1.0, 1.0))
        self.length += len(new)

    def cut(self, first: int, last: int | None = None) -> np.ndarray:
        """(S,) samples ``first``...``last - 1``, fewer where they end before."""
        if len(self._held) > 1:
            self._held = [np.concatenate(self._held)]
        held = self._held[0] if self._held else np.zeros(0, np.float32)
        return held[max(0, first - self._first) : None if last is None else max(0, last - self._first)]

    def forget(self, before: int) -> None:
        """Samples before this one will not be asked for again, nor put any more."""
        drop = before - self._first
        if drop > 0:
            self._held = [np.concatenate(self._held)[drop:]] if self._held else []
            self._first, self.length = before, max(self.length, before)


def read_audio(path: str | Path, sample_rate: int = SAMPLE_RATE, account: Account | None = None) -> np.ndarray:
    """The sound of a file as one mono waveform; see :class:`Sound`.

    Returns:
        (S,) float32 in [-1, 1]; sample n belongs to the time n / sample_rate.
    """
    return Sound(path, sample_rate, account).cut(0)


def _placed(frames: Iterator[Any], origin: float, rate: int) -> Iterator[tuple[int, np.ndarray]]:
    """Resampled blocks with the index of their first sample on the file clock."""
    placing = Placing(origin, rate)
    for frame in frames:
        yield from placing.add(frame)
    yield from placing.finish()


class Placing:
    """Decoded sound as it comes, resampled and put where its timestamps say.

    Args:
        origin: Time of sample 0 in s.
        rate: Hz.
        votes: Frames that decide together where a run starts: none comes out before.
    """

    def __init__(self, origin: float, rate: int = SAMPLE_RATE, votes: int = _VOTES) -> None:
        self._origin, self._rate, self._needed = origin, rate, votes
        self._run: _Run | None = None

    def add(self, frame: Any) -> Iterator[tuple[int, np.ndarray]]:
        """Blocks that are ready after one more frame, with the index of their first sample."""
        if self._run is None or not self._run.accepts(frame):
            yield from self.finish()
            self._run = _Run(frame, self._origin, self._rate, self._needed)
        yield from self._run.add(frame)

    def finish(self) -> Iterator[tuple[int, np.ndarray]]:
        """The rest."""
        if self._run is not None:
            yield from self._run.finish()


class _Run:
    """Sound without a gap: one resampler, so that no edge is heard inside."""

    def __init__(self, frame: Any, origin: float, rate: int, votes: int) -> None:
        self._needed = votes
        self._format = (frame.sample_rate, frame.layout.name)
        self._rate, self._origin, self._target = frame.sample_rate, origin, rate
        self._resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=rate)
        self._weights = _weights(frame.layout)
        self._count = 0  # samples that came in
        self._votes: list[float] = []
        self._waiting: list[np.ndarray] = []
        self._next: int | None = None  # index of the next sample that goes out

    def accepts(self, frame: Any) -> bool:
        """True if the frame goes on where the run ends, up to jitter, in the same format."""
        if (frame.sample_rate, frame.layout.name) != self._format:
            return False
        return frame.time is None or abs(frame.time - self._votes[0] - self._count / self._rate) <= JITTER

    def add(self, frame: Any) -> Iterator[tuple[int, np.ndarray]]:
        """What is ready after one more frame."""
        if len(self._votes) < self._needed and (frame.time is not None or not self._votes):
            self._votes.append(float(frame.time or 0.0) - self._count / self._rate)
        self._count += frame.samples
        self._waiting += self._resampled(frame)
        if len(self._votes) >= self._needed:
            yield from self._out()

    def finish(self) -> Iterator[tuple[int, np.ndarray]]:
        """The rest."""
        self._waiting += self._resampled(None)
        yield from self._out()

    def _resampled(self, frame: Any) -> list[np.ndarray]:
        pieces = self._resampler.resample(frame)
        return [(self._weights @ piece.to_ndarray()).astype(np.float32) for piece in pieces]

    def _out(self) -> Iterator[tuple[int, np.ndarray]]:
        if self._next is None:
            # the median over many frames, so that no single one decides where the run starts
            self._next = max(0, round((float(np.median(self._votes)) - self._origin) * self._target))
        for samples in self._waiting:
            yield self._next, samples
            self._next += len(samples)
        self._waiting = []


def _weights(layout: Any) -> np.ndarray:
    heard = np.array([channel.name not in _SILENT_CHANNELS for channel in layout.channels], np.float32)
    if not heard.any():
        heard[:] = 1
    return heard / heard.sum()
