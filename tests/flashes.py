"""The simplest scenes with known truth: a disc that lights up while a tone of its own sounds, beside a silent one."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avsync import clock
from avsync.data.shards import Clip, write_shards
from avsync.media.write import encode_flac, encode_video
from avsync.models import checkpoints

KINDS = {"red": ((220, 40, 40), 300), "green": ((40, 200, 60), 900), "blue": ((50, 80, 230), 2700)}
"""Colour and Hz."""
TINY: dict[str, Any] = {
    "_target_": "avsync.models.cav_mae.CavMae",
    "audio_features": {"_target_": "avsync.features.fbank.Fbank", "mels": 32},
    "video_features": {"_target_": "avsync.features.picture.Picture", "size": 64},
    "size": {
        "width": 32, "heads": 2, "depth": 1, "joint_depth": 1, "decoder_width": 16,
        "decoder_heads": 2, "decoder_depth": 1
    },
    "audio_seconds": 0.48,
    "frames": 4,
    "registers": 2,
}  # fmt: skip
"""A network small enough to be tested in a blink."""


def pack(mask: np.ndarray) -> str:
    """A mask as a clip's JSON holds it."""
    return base64.b64encode(zlib.compress(np.packbits(mask).tobytes())).decode()


def draw_flash(seed: int, seconds: float = 2.0, size: int = 64) -> Clip:
    """A clip; kinds take turns with the seed."""
    draw = np.random.default_rng(seed)
    names = list(KINDS)
    label, silent = names[seed % 3], names[(seed + 1) % 3]
    length, start = clock.frames(seconds), round(float(draw.uniform(0.2, seconds - 1.0)), 2)
    end = start + 0.6
    corners = draw.permutation([(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)])
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    discs = [(x - left) ** 2 + (y - top) ** 2 < 0.15**2 for top, left in corners[:2]]
    frames = np.full((length, size, size, 3), 90, np.uint8)
    frames[:, discs[1]] = KINDS[silent][0]
    masks = [""] * length
    for k in range(length):
        lit = start <= clock.seconds(k + 0.5) < end
        frames[k, discs[0]] = KINDS[label][0] if lit else (60, 60, 60)
        masks[k] = pack(discs[0]) if lit else ""
    times = np.arange(length * clock.SAMPLES_PER_FRAME) / clock.SAMPLE_RATE
    tone = 0.4 * np.sin(2 * np.pi * KINDS[label][1] * times) * ((times >= start) & (times < end))
    audio = (tone + 0.003 * draw.standard_normal(len(times))).astype(np.float32)
    mask = {"height": size, "width": size, "rate": clock.FPS, "frames": masks}
    meta = {"start": 0.0, "seconds": seconds, "labels": [label], "events": [[start, end, label]], "mask": mask}
    return Clip(f"flash{seed:04d}", frames, audio, meta)


def encoded(clip: Clip) -> dict:
    """A clip as a shard holds it."""
    return {
        "__key__": clip.key,
        "mp4": encode_video(clip.frames),
        "flac": encode_flac(clip.audio, clock.SAMPLE_RATE),
        "json": json.dumps(clip.meta).encode(),
    }


def write_flashes(folder: Path, seeds: range, seconds: float = 2.0) -> Path:
    """Shards of them in ``folder``."""
    write_shards((encoded(draw_flash(seed, seconds)) for seed in seeds), folder, 8)
    return folder


def write_network(path: Path, seed: int = 0, **changes: Any) -> Path:
    """A checkpoint of an untrained network."""
    torch.manual_seed(seed)
    config = {**TINY, **changes}
    weights = {f"net.{name}": value for name, value in checkpoints.build(config).state_dict().items()}
    checkpoints.save({"avsync": {"format": checkpoints.FORMAT, "net": config}, "state_dict": weights}, path)
    return path
