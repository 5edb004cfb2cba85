"""Drawn mouths as they come through a pipe."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from avsync import clock
from avsync.media.write import write_video
from mouths import draw_mouth


def mouth_file(path: Path, seed: int = 300, seconds: float = 4.0, early: float = 0.0) -> Path:
    """A mouth whose sound is early by so much, by its timestamps."""
    clip = draw_mouth(seed, seconds)
    write_video(path, clip.frames, clip.audio, audio_offset=-early)
    return path


def changing_mouth(path: Path, early: float, seconds: float = 8.0) -> Path:
    """In sync at first, then early for as long."""
    clip = draw_mouth(310, 2 * seconds)
    half, moved = clock.samples(seconds), clock.samples(early)
    later = np.concatenate([clip.audio[half + moved :], np.zeros(moved, np.float32)])
    write_video(path, clip.frames, np.concatenate([clip.audio[:half], later]))
    return path


@contextmanager
def piped(folder: Path, data: bytes, seconds: float = 0.0) -> Iterator[str]:
    """A named pipe through which the bytes come, spread over so many seconds."""
    path = folder / f"pipe{len(list(folder.iterdir()))}"
    os.mkfifo(path)

    def write() -> None:
        step = max(1, len(data) // 100)
        try:
            with path.open("wb", buffering=0) as stream:
                for first in range(0, len(data), step):
                    stream.write(data[first : first + step])
                    time.sleep(seconds / 100)
        except BrokenPipeError:  # nobody reads any more
            pass

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield str(path)
    thread.join(20)
    assert not thread.is_alive()
