"""Pictures at a steady frame rate on the file clock; the sound is in avsync.media.sound.

The file clock: t = 0 is where the earlier of the first video and the first audio stream starts, in container
timestamps, or up to 40 ms before (see `avsync.media.probe.MediaInfo`). Nothing is counted, everything is looked up
by its timestamp, so start times, edit lists, variable frame rates and lost packets end up where a viewer sees and
hears them.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from av.video.reformatter import VideoReformatter

from avsync.clock import FPS
from avsync.errors import MediaError
from avsync.media.damage import Account
from avsync.media.probe import probe, quarter_turns
from avsync.media.source import decode

MOST_SILENCE = 600.0
"""Seconds that the timestamps may leave empty: no recording does, damage does, and memory is filled for it."""

_ROUNDING = 0.002
_LONGEST_LAST = 0.5


def read_frames(
    path: str | Path, fps: float = FPS, account: Account | None = None, start: float = 0.0
) -> Iterator[tuple[int, np.ndarray]]:
    """Pictures at ``fps``: the k-th is the one whose timestamp is nearest to k / fps.

    Streams: memory does not grow with the length of the file. Pixels are taken as square.

    Args:
        path: A media file.
        fps: Pictures a second, above 0.
        account: Told what was read and what was wrong, complete when the last picture was taken; without one,
            damage is a warning in the log.
        start: Seconds on the file clock; what lies before is not read where the container has an index.

    Yields:
        ``(k, picture)`` with consecutive k from ``start`` on, or from where a picture starts that is late; picture is
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
    shown = ticks(_timed(path, info.origin, account, start), fps, interval)
    return ((k, picture) for k, picture in shown if k / fps >= start - _ROUNDING)


def _timed(path: str | Path, origin: float, account: Account | None, start: float) -> Iterator[tuple[float, Any]]:
    """Decoded frames with strictly rising times on the file clock, from some time before ``start`` on."""
    last = -math.inf
    for frame in decode(path, "video", account, origin + start if start > 0 else None):
        time = float(frame.time) - origin
        if time > max(start, last) + MOST_SILENCE:
            raise jump(path, "picture", time - max(start, last))
        if time > last:
            last = time
            yield time, frame


def ticks(timed: Iterator[tuple[float, Any]], fps: float, interval: float) -> Iterator[tuple[int, np.ndarray]]:
    """Pictures at ``fps``, see :func:`read_frames`.

    Args:
        timed: Decoded frames, at least one, with strictly rising times in s.
        fps: Pictures a second.
        interval: Seconds that a lone frame lasts.
    """
    held_time, held = next(timed)
    converter = VideoReformatter()
    # a tick up to half an interval before the first picture is nearest to it; earlier ones have no picture
    start = tick = max(0, math.ceil(held_time * fps - 0.5 + 1e-6))
    picture: np.ndarray | None = None
    for time, frame in timed:
        while tick / fps <= (held_time + time) / 2:
            picture = _rgb(held, converter) if picture is None else picture
            yield tick, picture
            tick += 1
        interval = min(time - held_time, _LONGEST_LAST)
        held_time, held, picture = time, frame, None
    # the last picture stays as long as the one before it; a lone one is always shown
    while tick / fps < held_time + interval - _ROUNDING or tick == start:
        picture = _rgb(held, converter) if picture is None else picture
        yield tick, picture
        tick += 1


def _rgb(frame: Any, converter: VideoReformatter) -> np.ndarray:
    # one converter for all pictures, and no threads: anew for each and on all cores it takes 4 ms instead of 0.1
    picture = converter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    turns = quarter_turns(frame)
    if not turns:
        return picture
    # pixels as one item of three bytes: four times as fast as turning bytes
    pixels = np.ascontiguousarray(np.rot90(picture.view("V3")[..., 0], turns))
    return pixels.view(np.uint8).reshape(*pixels.shape, 3)


def jump(path: str | Path, plain: str, seconds: float) -> MediaError:
    """The error for timestamps that leave too much empty."""
    return MediaError(
        f"{path}: the timestamps of the {plain} leave {seconds:.0f} s empty, more than {MOST_SILENCE:.0f} s: "
        "the file is damaged; get a whole copy"
    )
