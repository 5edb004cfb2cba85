"""Sets with known damage, made from clean ones: what a filter and training rounds are judged by.

Every clip's JSON then tells the truth in ``damage``, one of :data:`KINDS` or null, and ``damage_frames``.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from avsync import clock
from avsync.data.correct import encoded, samples
from avsync.data.shards import SHARD_SAMPLES, Clip, ShardError, decode_sample, verified_shards, write_shards
from avsync.data.verdicts import moved

KINDS = ("dubbed", "shifted slightly", "shifted", "shifted far", "voice-over", "silence", "still face", "wrong face")
SHIFTS = {"shifted slightly": (2, 3), "shifted": (4, 12), "shifted far": (17, 22)}
"""Frames by which sound is early or late: the least that counts as out of sync, what a search of ±15 finds with ease,
and what lies beyond it."""
OVER_DB = 20.0
"""By how much the voice over a clip is louder than the clip's own."""


def write_dirty(
    clean: Path,
    out: Path,
    share: float,
    seed: int = 0,
    shard_samples: int = SHARD_SAMPLES,
    kinds: Sequence[str] = KINDS,
) -> Path:
    """Damage a share of the clips of a set, as many of each kind as of the others.

    Args:
        clean: Folder of shards.
        out: Folder of the same clips, by the same keys in the same order.
        share: Of clips that are damaged, 0...1.
        seed: Of which, how, and with whose sound or picture.
        shard_samples: Clips in each tar.
        kinds: Of damage.

    Raises:
        ShardError: There are too few clips to take sound and picture from another.
    """
    whole = [sample for url in verified_shards(clean) for sample in samples(Path(url))]
    if len(whole) < 2:
        raise ShardError(f"{clean} holds {len(whole)} clip; damage needs the sound and picture of another")
    draw = random.Random(seed)
    order = draw.sample(range(len(whole)), len(whole))
    spoilt = {number: kinds[turn % len(kinds)] for turn, number in enumerate(order[: round(share * len(whole))])}
    write_shards(_damaged(whole, spoilt, draw), out, shard_samples)
    return out


def _damaged(whole: list[dict[str, Any]], kinds: dict[int, str], draw: random.Random) -> Iterator[dict[str, Any]]:
    for number, sample in enumerate(whole):
        if number not in kinds:
            meta = json.loads(sample["json"]) | {"damage": None, "damage_frames": 0}
            yield sample | {"json": json.dumps(meta).encode()}
            continue
        other = draw.choice([other for other in range(len(whole)) if other != number])
        clip = damaged(decode_sample(sample), kinds[number], decode_sample(whole[other]), draw)
        yield encoded(clip.key, clip.frames, clip.audio, clip.meta)


def damaged(clip: Clip, kind: str, other: Clip, draw: random.Random) -> Clip:
    """One clip spoilt.

    Args:
        clip: In sync.
        kind: One of :data:`KINDS`.
        other: Whose sound or picture takes the place of its own; the shorter of the two gives the length.
        draw: Chooses shifts.
    """
    frames, sound, early = clip.frames, clip.audio, 0
    length = len(frames) if kind in (*SHIFTS, "silence", "still face") else min(
        len(frames), len(other.frames)
    )  # fmt: skip
    frames, sound = frames[:length], sound[: length * clock.SAMPLES_PER_FRAME]
    voice = other.audio[: len(sound)]
    if kind == "dubbed":
        sound = voice
    elif kind == "wrong face":
        frames = other.frames[:length]
    elif kind == "voice-over":
        sound = np.clip(voice + sound * 10 ** (-OVER_DB / 20) * _loud(voice) / _loud(sound), -1, 1)
    elif kind == "silence":  # of a room: a little noise
        sound = np.random.default_rng(draw.getrandbits(32)).normal(0, 1e-4, len(sound)).astype(np.float32)
    elif kind == "still face":
        frames = np.repeat(frames[length // 2][None], length, axis=0)
    else:
        early = draw.choice((-1, 1)) * draw.randint(*SHIFTS[kind])
    meta = clip.meta | {"seconds": clock.seconds(length), "damage": kind, "damage_frames": early}
    return moved(replace(clip, frames=frames, audio=sound.astype(np.float32), meta=meta), -early)


def _loud(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound**2))) + 1e-6
