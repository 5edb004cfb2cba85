"""The simplest thing that can be in or out of sync: a dark mouth that opens with the loudness of a buzz."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from avsync import clock
from avsync.data.shards import Clip, write_shards
from avsync.media.write import encode_flac, encode_video, write_video


def draw_mouth(seed: int, seconds: float = 4.0, size: int = 96) -> Clip:
    """A clip whose mouth opening is its loudness and whose mouth width is its pitch, both a new draw every 80 ms."""
    draw = np.random.default_rng(seed)
    length = clock.frames(seconds)
    knots = np.arange(0, seconds + 0.1, 0.08)
    opening, width = draw.uniform(0, 1, len(knots)), draw.uniform(0, 1, len(knots))
    times = np.arange(length * clock.SAMPLES_PER_FRAME) / clock.SAMPLE_RATE
    loud, high = np.interp(times, knots, opening), np.interp(times, knots, width)
    phase = 2 * np.pi * np.cumsum(200 + 1200 * high) / clock.SAMPLE_RATE
    audio = (0.5 * loud * np.sign(np.sin(phase)) + 0.002 * draw.standard_normal(len(times))).astype(np.float32)

    shown = np.arange(length) / clock.FPS + 0.5 / clock.FPS
    tall, wide = (0.02 + 0.1 * np.interp(shown, knots, curve) for curve in (opening, width))
    y, x = np.mgrid[0:size, 0:size] / size
    skin = draw.uniform(120, 220)
    inside = ((x - 0.5) / (0.08 + wide[:, None, None])) ** 2 + ((y - 0.66) / tall[:, None, None]) ** 2  # (T, H, W)
    grey = np.where(inside < 1, 40.0, skin) + draw.normal(0, 3, (length, size, size))
    frames = np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    return Clip(f"mouth{seed:04d}", frames, audio, {"source": "drawn", "seconds": clock.seconds(length)})


def film_mouth(path: Path, seed: int, seconds: float = 4.0) -> Path:
    """A drawn mouth as an ordinary video file."""
    clip = draw_mouth(seed, seconds)
    write_video(path, clip.frames, clip.audio)
    return path


def encoded(clip: Clip) -> dict:
    """A clip as a shard holds it."""
    return {
        "__key__": clip.key,
        "mp4": encode_video(clip.frames),
        "flac": encode_flac(clip.audio, clock.SAMPLE_RATE),
        "json": json.dumps(clip.meta).encode(),
    }


def write_mouths(folder: Path, seeds: range, seconds: float = 4.0, shard_samples: int = 8) -> Path:
    """Shards of drawn mouths in ``folder``."""
    write_shards((encoded(draw_mouth(seed, seconds)) for seed in seeds), folder, shard_samples)
    return folder
