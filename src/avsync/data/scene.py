"""Scenes: whole-frame clips of which some frames are looked at, and the stages that draw training samples from them.

B samples, K frames of a clip that are decoded, F of them in a sample, C labels, S samples of sound.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import webdataset as wds
from torch import Tensor

from avsync import clock
from avsync.data.loading import own_random
from avsync.data.shards import ShardError, decode_frames
from avsync.errors import AvsyncError
from avsync.media.write import decode_flac


@dataclass(frozen=True)
class Scene:
    """A decoded clip.

    Attributes:
        key: Of the clip.
        frames: (K, P, P, 3) uint8, evenly spaced in time; (K, P, P, 6) with what was shown before each.
        times: (K,) float32, seconds at which they are shown.
        audio: (S,) float32, all of the clip's sound, silence behind its end.
        labels: (C,) float32, 1 for what sounds in it.
    """

    key: str
    frames: Tensor
    times: Tensor
    audio: Tensor
    labels: Tensor


class SceneReader:
    """From a sample's bytes to its scene.

    Args:
        frames: K; of a clip with fewer, all.
        size: P. The shorter side is resized to it and the middle cut out.
        seconds: Length of the sound; of longer clips the beginning counts, shorter ones end in silence.
        labels: What may sound, in the order of the C numbers.
        before: See :func:`with_earlier`.
    """

    def __init__(self, frames: int, size: int, seconds: float, labels: Sequence[str] = (), before: int = 0):
        self.frames, self.size, self.seconds, self.before = frames, size, seconds, before
        self.places = {label: place for place, label in enumerate(labels)}

    def __call__(self, sample: dict) -> Scene:
        """Decode.

        Raises:
            ShardError: Picture or sound cannot be decoded, or the clip has a label that is not listed.
        """
        key = sample["__key__"]
        try:
            audio = decode_flac(sample["flac"])
            length = min(len(audio) // clock.SAMPLES_PER_FRAME, clock.frames(self.seconds))
            which = evenly(length, min(length, self.frames))
            shown = views(which, self.before)
            asked, place = np.unique(shown, return_inverse=True)
            pictures = squared(decode_frames(sample["mp4"], asked), self.size)[place.reshape(shown.shape)]
            frames = torch.cat(list(pictures), dim=-1)
        except Exception as error:  # decord, FFmpeg and the tar each have their own
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
            raise ShardError(f"clip {key} cannot be decoded ({reason}); prepare it again or leave it out") from error
        samples = clock.samples(self.seconds)
        sound = F.pad(torch.from_numpy(audio[:samples]), (0, max(0, samples - len(audio))))
        labels = self._labels(key, json.loads(sample["json"]).get("labels", ()))
        return Scene(key, frames, torch.from_numpy(which / clock.FPS).float(), sound, labels)

    @property
    def bytes(self) -> int:
        """Memory that a scene takes at most."""
        numbers = clock.samples(self.seconds) + self.frames + len(self.places)
        return self.frames * self.size**2 * (6 if self.before else 3) + 4 * numbers

    def _labels(self, key: str, names: Iterable[str]) -> Tensor:
        found = torch.zeros(len(self.places))
        for name in names if self.places else ():
            if name not in self.places:
                raise ShardError(
                    f"clip {key} is labelled {name!r}, which is none of the {len(self.places)} of data.labels; add it"
                )
            found[self.places[name]] = 1
        return found


class Scenes:
    """From shards to scenes; with ``held`` each scene is decoded once and then kept in memory.

    Args:
        read: From a sample to its scene.
    """

    def __init__(self, read: Callable[[dict], Scene]):
        self.read = read
        self.held: dict[str, list[Scene]] = {}

    def hold(self, urls: Iterable[str]) -> Scenes:
        """Decode all scenes of some shards, on all cores, before anything is drawn from them."""
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for url in urls:
                self.held[url] = list(pool.map(self.read, samples_of(url)))
        return self

    def __call__(self, shards: Iterable[dict]) -> Iterator[Scene]:
        """Scenes of a stream of shards."""
        for shard in shards:
            url = shard["url"]
            yield from self.held[url] if url in self.held else map(self.read, samples_of(url))


class RandomInstants:
    """Draw ``number`` samples of each scene; of each of ``frames`` equal stretches of time one frame, at random."""

    def __init__(self, frames: int, number: int, seed: int, visits: int = 0):
        self.frames, self.number, self.seed, self.visits = frames, number, seed, visits

    def __call__(self, scenes: Iterable[Scene]) -> Iterator[dict]:
        """Samples of a stream of scenes."""
        self.visits += 1
        draw = own_random(self.seed, self.visits)
        for scene in scenes:
            for _ in range(self.number):
                where = np.array([draw.random() for _ in range(self.frames)])
                yield seen(scene, evenly(len(scene.times), self.frames, where))


class EvenInstants:
    """Take each scene once, with the middle frame of each of ``frames`` equal stretches of time."""

    def __init__(self, frames: int):
        self.frames = frames

    def __call__(self, scenes: Iterable[Scene]) -> Iterator[dict]:
        """Samples of a stream of scenes."""
        for scene in scenes:
            yield seen(scene, evenly(len(scene.times), self.frames))


def evenly(length: int, number: int, where: float | np.ndarray = 0.5) -> np.ndarray:
    """One of each of ``number`` equal stretches of 0...length - 1.

    Args:
        length: How many there are; with fewer than ``number`` some are taken more than once.
        number: Of stretches.
        where: In its stretch, 0...1 without 1; one for all or (number,).

    Example:
        >>> evenly(12, 3).tolist()
        [2, 6, 10]
    """
    return ((np.arange(number) + where) * length / number).astype(np.int64).clip(0, length - 1)


def views(which: np.ndarray, before: int) -> np.ndarray:
    """(F,) indices of frames to (1, F), or (2, F) with those ``before`` frames earlier; the first has but itself."""
    return np.stack([which, np.maximum(which - before, 0)]) if before else which[None]


def with_earlier(frames: np.ndarray, which: np.ndarray, before: int) -> np.ndarray:
    """Some frames of a clip, each with the one that was shown before it.

    Args:
        frames: (T, H, W, 3), 40 ms apart.
        which: (F,) indices.
        before: How many frames before; 0 for nothing beside them.

    Returns:
        (F, H, W, 3), or (F, H, W, 6) with the earlier picture behind.
    """
    return np.concatenate(list(frames[views(which, before)]), axis=-1)


def squared(frames: np.ndarray, size: int) -> Tensor:
    """The middle square of pictures (K, H, W, 3) uint8, resized: (K, size, size, 3) uint8."""
    height, width = frames.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    planes = torch.from_numpy(frames[:, top : top + side, left : left + side]).permute(0, 3, 1, 2)
    if side != size:
        planes = F.interpolate(planes, (size, size), mode="bicubic", antialias=True, align_corners=False)
    return planes.permute(0, 2, 3, 1).contiguous()


def seen(scene: Scene, which: np.ndarray) -> dict:
    """A sample: (F,) frames of a scene and the whole of its sound."""
    index = torch.from_numpy(which)
    return {
        "frames": scene.frames[index],
        "audio": scene.audio,
        "times": scene.times[index],
        "labels": scene.labels,
        "key": scene.key,
    }


def stack_scenes(samples: list[dict]) -> dict:
    """Samples to one batch."""
    names = ("frames", "audio", "times", "labels")
    return {name: torch.stack([sample[name] for sample in samples]) for name in names} | {
        "key": [sample["key"] for sample in samples]
    }


def samples_of(url: str) -> Iterator[dict]:
    """Samples of one shard, as bytes."""
    return iter(wds.tarfile_to_samples()([{"url": url}]))


def read_labels(labels: str | Path | Sequence[str] | None) -> list[str]:
    """A list of labels, or the lines of a file.

    Raises:
        AvsyncError: There is no such file, or a label stands there twice.
    """
    if isinstance(labels, str | Path):
        path = Path(labels)
        if not path.is_file():
            raise AvsyncError(f"data.labels={path} is not a file; give a list, or a file with one label a line")
        labels = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    names = list(labels or ())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AvsyncError(f"data.labels names {', '.join(twice)} more than once; expected each label once")
    return names
