"""Picture at a steady frame rate and sound at a steady sample rate, both on the file clock.

The file clock: t = 0 is where the earlier of the first video and the first audio stream starts, in container
timestamps, or up to 40 ms before (see `avsync.media.probe.MediaInfo`). Nothing is counted, everything is looked up
by its timestamp, so start times, edit lists, variable frame rates and lost packets end up where a viewer sees and
hears them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np

from avsync.clock import FPS, SAMPLE_RATE
from avsync.errors import MediaError
from avsync.media.damage import Account
from avsync.media.probe import probe, quarter_turns
from avsync.media.source import decode

JITTER = 0.010
"""Seconds that timestamps may stray from the count of samples before it is believed to be a gap. Matroska
rounds to 1 ms; the shortest packet in common use that can be lost whole is 20 ms (Opus)."""

MOST_SILENCE = 600.0
"""Seconds that the timestamps may leave empty: no recording does, damage does, and memory is filled for it."""

_SILENT_CHANNELS = {"LFE", "LFE2"}
_ROUNDING = 0.002
_LONGEST_LAST = 0.5


def read_frames(path: str | Path, fps: float = FPS, account: Account | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Pictures at ``fps``: the k-th is the one whose timestamp is nearest to k / fps.

    Streams: memory does not grow with the length of the file. Pixels are taken as square.

    Args:
        path: A media file.
        fps: Pictures a second, above 0.
        account: Told what was read and what was wrong, complete when the last picture was taken; without one,
            damage is a warning in the log.

    Yields:
        ``(k, picture)`` with consecutive k, the first above 0 when the picture starts late; picture is
        (H, W, 3) uint8 RGB, rotated as the container says. Pictures that are shown twice are the same array.

    Raises:
        MediaError: At once if the file cannot be opened or has no picture that decodes; later if the timestamps
            jump by more than ten minutes.
    """
    info = probe(path)
    if info.video is None:
        raise MediaError(f"{path}: no picture in this file; a video is needed")
    interval = 1 / (info.video.fps or FPS)
    if account is not None:
        account.origin = info.origin
    return _ticks(_timed(path, info.origin, account), fps, interval)


def _timed(path: str | Path, origin: float, account: Account | None) -> Iterator[tuple[float, Any]]:
    """Decoded frames with strictly rising times on the file clock."""
    last = -math.inf
    for frame in decode(path, "video", account):
        time = float(frame.time) - origin
        if time > max(0.0, last) + MOST_SILENCE:
            raise _jump(path, "picture", time - max(0.0, last))
        if time > last:
            last = time
            yield time, frame


def _ticks(timed: Iterator[tuple[float, Any]], fps: float, interval: float) -> Iterator[tuple[int, np.ndarray]]:
    held_time, held = next(timed)
    # a tick up to half an interval before the first picture is nearest to it; earlier ones have no picture
    start = tick = max(0, math.ceil(held_time * fps - 0.5 + 1e-6))
    picture: np.ndarray | None = None
    for time, frame in timed:
        while tick / fps <= (held_time + time) / 2:
            picture = _rgb(held) if picture is None else picture
            yield tick, picture
            tick += 1
        interval = min(time - held_time, _LONGEST_LAST)
        held_time, held, picture = time, frame, None
    # the last picture stays as long as the one before it; a lone one is always shown
    while tick / fps < held_time + interval - _ROUNDING or tick == start:
        picture = _rgb(held) if picture is None else picture
        yield tick, picture
        tick += 1


def _rgb(frame: Any) -> np.ndarray:
    picture = frame.to_ndarray(format="rgb24")
    turns = quarter_turns(frame)
    if not turns:
        return picture
    # pixels as one item of three bytes: four times as fast as turning bytes
    pixels = np.ascontiguousarray(np.rot90(picture.view("V3")[..., 0], turns))
    return pixels.view(np.uint8).reshape(*pixels.shape, 3)


def read_audio(path: str | Path, sample_rate: int = SAMPLE_RATE, account: Account | None = None) -> np.ndarray:
    """The sound as one mono waveform on the file clock.

    Channels are averaged (the low-frequency effects channel left out). Where there is no sound (a late start,
    a gap in the timestamps) there is silence; jitter below 10 ms is no gap.

    Args:
        path: A media file.
        sample_rate: Hz of the result.
        account: Told what was read and what was wrong; without one, damage is a warning in the log.

    Returns:
        (S,) float32 in [-1, 1]; sample n belongs to the time n / sample_rate.

    Raises:
        MediaError: The file cannot be opened, has no sound that decodes, or its timestamps leave more than ten
            minutes silent.
    """
    info = probe(path)
    if info.audio is None:
        raise MediaError(f"{path}: no sound in this file; a file with an audio stream is needed")
    if account is not None:
        account.origin = info.origin
    placed = []
    for run in _runs(decode(path, "audio", account), sample_rate):
        samples = run.finish()
        first = max(0, round((run.start() - info.origin) * sample_rate))
        placed.append((first, samples))
    length = max(first + len(samples) for first, samples in placed)
    silent = (length - sum(len(samples) for _, samples in placed)) / sample_rate
    if silent > MOST_SILENCE:
        raise _jump(path, "sound", silent)
    waveform = np.zeros(length, np.float32)
    for first, samples in placed:
        waveform[first : first + len(samples)] = samples
    return np.clip(waveform, -1.0, 1.0, out=waveform)


@dataclass
class _Run:
    """Sound without a gap: one resampler, so that no edge is heard inside."""

    rate: int
    layout: str
    target_rate: int
    count: int = 0
    origins: list[float] = field(default_factory=list)
    chunks: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.resampler: Any = None
        self.weights: np.ndarray | None = None

    def accepts(self, frame: Any) -> bool:
        """True if the frame goes on where the run ends, up to jitter, in the same format."""
        if (frame.sample_rate, frame.layout.name) != (self.rate, self.layout):
            return False
        return frame.time is None or abs(frame.time - self.origins[0] - self.count / self.rate) <= JITTER

    def add(self, frame: Any) -> None:
        if self.resampler is None:
            self.resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=self.target_rate)
            self.weights = _weights(frame.layout)
        if frame.time is not None or not self.origins:
            self.origins.append(float(frame.time or 0.0) - self.count / self.rate)
        self.count += frame.samples
        self._collect(frame)

    def _collect(self, frame: Any) -> None:
        for piece in self.resampler.resample(frame):
            self.chunks.append((self.weights @ piece.to_ndarray()).astype(np.float32))

    def start(self) -> float:
        """Container time of the first sample: the median over all frames, so that no single one decides."""
        return float(np.median(self.origins))

    def finish(self) -> np.ndarray:
        self._collect(None)
        return np.concatenate(self.chunks) if self.chunks else np.zeros(0, np.float32)


def _runs(frames: Iterator[Any], sample_rate: int) -> Iterator[_Run]:
    run: _Run | None = None
    for frame in frames:
        if run is None or not run.accepts(frame):
            if run is not None:
                yield run
            run = _Run(frame.sample_rate, frame.layout.name, sample_rate)
        run.add(frame)
    if run is not None:
        yield run


def _jump(path: str | Path, plain: str, seconds: float) -> MediaError:
    return MediaError(
        f"{path}: the timestamps of the {plain} leave {seconds:.0f} s empty, more than {MOST_SILENCE:.0f} s: "
        "the file is damaged; get a whole copy"
    )


def _weights(layout: Any) -> np.ndarray:
    heard = np.array([channel.name not in _SILENT_CHANNELS for channel in layout.channels], np.float32)
    if not heard.any():
        heard[:] = 1
    return heard / heard.sum()
