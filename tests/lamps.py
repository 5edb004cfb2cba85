"""The simplest scenes: lamps that light up and beep; which one lights up has its own place, colour and pitch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from avsync import clock
from avsync.data.shards import write_shards
from avsync.media.write import encode_flac, encode_video

KINDS = ("low", "middle", "high", "top")
SIZE = 64


def draw_lamps(seed: int, seconds: float = 2.0, own: bool = False) -> dict:
    """A clip as a shard holds it: every 0.4 s another of four lamps, 0.32 s long.

    With ``own`` every clip has a wall of its own colour and a hum of its own pitch too.
    """
    draw = np.random.default_rng(seed)
    length, every, lit = clock.frames(seconds), 10, 8
    order = draw.integers(0, len(KINDS), -(-length // every))
    order[1:] = (order[:-1] + 1 + order[1:] % 3) % 4 if len(order) > 1 else order[1:]
    frames = np.full((length, SIZE, SIZE, 3), draw.integers(20, 60), np.uint8)
    audio = 0.003 * draw.standard_normal(length * clock.SAMPLES_PER_FRAME)
    times = np.arange(len(audio)) / clock.SAMPLE_RATE
    if own:
        frames[:] = draw.integers(0, 200, 3)
        audio += 0.3 * np.sin(2 * np.pi * draw.uniform(3000, 7000) * times)
    for place, kind in enumerate(order):
        first, last = place * every, min(length, place * every + lit)
        row, column = divmod(int(kind), 2)
        frames[first:last, 32 * row + 4 : 32 * row + 28, 32 * column + 4 : 32 * column + 28, kind % 3] = 240
        heard = slice(first * clock.SAMPLES_PER_FRAME, last * clock.SAMPLES_PER_FRAME)
        audio[heard] += 0.3 * np.sin(2 * np.pi * 300 * 2 ** int(kind) * times[heard])
    labels = sorted({KINDS[kind] for kind in order})
    return {
        "__key__": f"lamps{seed:04d}",
        "mp4": encode_video(frames),
        "flac": encode_flac(audio.astype(np.float32), clock.SAMPLE_RATE),
        "json": json.dumps({"seconds": seconds, "labels": labels}).encode(),
    }


def write_lamps(folder: Path, seeds: range, shard_samples: int = 6, own: bool = False) -> Path:
    """Shards of drawn lamps in ``folder``."""
    write_shards((draw_lamps(seed, own=own) for seed in seeds), folder, shard_samples)
    return folder
