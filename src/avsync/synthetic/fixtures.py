"""Small drawn files for tests and demonstrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avsync.clock import FPS, SAMPLE_RATE
from avsync.media.write import write_video
from avsync.synthetic.generate import generate_talkers


def flash_and_click(
    path: str | Path, *, seconds: float = 4.0, every: float = 0.52, offset: float = 0.0, size: int = 128
) -> list[float]:
    """A video that flashes for one frame and clicks at the same moment.

    Args:
        path: Video file.
        seconds: Length.
        every: Seconds between flashes, rounded to frames.
        offset: Seconds by which the clicks are early (positive) or late (negative).
        size: Width and height.

    Returns:
        Times of the flashes in seconds.
    """
    step = max(2, round(every * FPS))
    flashes = list(range(step, round(seconds * FPS), step))
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for frame in flashes:
        first = round((frame / FPS - offset) * SAMPLE_RATE)
        if first >= 0:
            audio[first : first + 32] = 0.9
    dark, bright = (np.full((size, size, 3), value, np.uint8) for value in (16, 235))
    pictures = (bright if k in flashes else dark for k in range(round(seconds * FPS)))
    write_video(path, pictures, audio, fps=FPS, sample_rate=SAMPLE_RATE)
    return [frame / FPS for frame in flashes]


def tiny_talkers(out: str | Path, count: int = 2, seconds: float = 3.0, seed: int = 0) -> list[Path]:
    """``count`` talking heads as MKV files, in this process, without a progress bar.

    Args:
        out: Folder; kept and reused like that of `avsync.synthetic.generate.generate_talkers`.
        count: Videos, each of another person.
        seconds: Length of each.
        seed: Of everything.

    Returns:
        The files; beside each lies its truth as .json.
    """
    generate_talkers(out, train=count, seconds=seconds, seed=seed, workers=1, quiet=True)
    return sorted(Path(out, "train").glob("train-*.mkv"))
