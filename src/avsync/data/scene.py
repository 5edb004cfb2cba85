"""Scenes: whole-frame clips of which some frames are looked at, and the stages that draw training samples from them.

Which frames of a scene are looked at is drawn first; unless it is held in memory, only those are decoded.

B samples, K frames of a clip that may be drawn, F of them in a sample, C labels, S samples of sound.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avsync import clock
from avsync.data.loading import own_random
from avsync.data.shards import Frames, OpenClip, ShardError, Shards, open_sample
from avsync.errors import AvsyncError


@dataclass(frozen=True)
class Scene:
    """A clip that is looked at.

    Attributes:
        key: Of the clip.
        frames: (K, P, P, 3) uint8, evenly spaced in time; (K, P, P, 6) with what was shown before each. Held, or
            decoded when some are asked for.
        times: (K,) float32, seconds at which they are shown.
        audio: (S,) float32, all of the clip's sound, silence behind its end.
        labels: (C,) float32, 1 for what sounds in it.
    """

    key: str
    frames: Tensor | Pictures
    times: Tensor
    audio: Tensor
    labels: Tensor

    def held(self) -> Scene:
        """The same with all its frames in memory."""
        return replace(self, frames=self.frames[torch.arange(len(self.times))])


class Pictures:
    """A scene's frames, of which only those that are asked for by their numbers are decoded.

    Args:
        clip: They are of.
        which: (K,) frames of the clip.
        size: P.
        before: See :func:`with_earlier`.
    """

    def __init__(self, clip: OpenClip, which: np.ndarray, size: int, before: int):
        self.clip, self.which, self.size, self.before = clip, which, size, before

    def __getitem__(self, index: Tensor) -> Tensor:
        shown = views(self.which[index.numpy()], self.before)
        asked, place = np.unique(shown, return_inverse=True)
        with _decoding(self.clip.key):
            pictures = squared(self.clip.frames[asked], self.size)[place.reshape(shown.shape)]
        return torch.cat(list(pictures), dim=-1)


class SceneReader:
    """From a sample's bytes to its scene, whose frames are not decoded yet.

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
        """Decode the sound.

        Raises:
            ShardError: Sound, and later a picture, cannot be decoded, or the clip has a label that is not listed.
        """
        with _decoding(sample["__key__"]):
            clip = open_sample(sample)
            length = min(len(clip.frames), clock.frames(self.seconds))
            which = evenly(length, min(length, self.frames))
        samples = clock.samples(self.seconds)
        sound = F.pad(torch.from_numpy(clip.audio[:samples]), (0, max(0, samples - len(clip.audio))))
        pictures = Pictures(clip, which, self.size, self.before)
        labels = self._labels(clip.key, clip.meta.get("labels", ()))
        return Scene(clip.key, pictures, torch.from_numpy(which / clock.FPS).float(), sound, labels)

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
        shards: That they are of.
    """

    def __init__(self, read: Callable[[dict], Scene], shards: Shards):
        self.read, self.shards = read, shards
        self.held: dict[str, list[Scene]] = {}

    def hold(self) -> Scenes:
        """Decode all scenes, on all cores, before anything is drawn from them."""
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for url in self.shards.urls:
                self.held[url] = list(pool.map(lambda sample: self.read(sample).held(), self.shards.samples(url)))
        return self

    def __call__(self, opened: Iterable[dict]) -> Iterator[Scene]:
        """Scenes of a stream of shards."""
        for shard in opened:
            url = shard["url"]
            yield from self.held[url] if url in self.held else map(self.read, self.shards.samples(url))


class RandomInstants:
    """Draw ``number`` samples of each scene; of each of ``frames`` equal stretches of time one frame, at random."""

    def __init__(self, frames: int, number: int, seed: int, visits: int = 0):
        self.frames, self.number, self.seed, self.visits = frames, number, seed, visits

    def __call__(self, scenes: Iterable[Scene]) -> Iterator[dict]:
        """Samples of a stream of scenes."""
        self.visits += 1
        draw = own_random(self.seed, self.visits)
        for scene in scenes:
            where = np.array([[draw.random() for _ in range(self.frames)] for _ in range(self.number)])
            yield from seen(scene, evenly(len(scene.times), self.frames, where))


class EvenInstants:
    """Take each scene once, with the middle frame of each of ``frames`` equal stretches of time."""

    def __init__(self, frames: int):
        self.frames = frames

    def __call__(self, scenes: Iterable[Scene]) -> Iterator[dict]:
        """Samples of a stream of scenes."""
        for scene in scenes:
            yield from seen(scene, evenly(len(scene.times), self.frames)[None])


def evenly(length: int, number: int, where: float | np.ndarray = 0.5) -> np.ndarray:
    """One of each of ``number`` equal stretches of 0...length - 1.

    Args:
        length: How many there are; with fewer than ``number`` some are taken more than once.
        number: Of stretches.
        where: In its stretch, 0...1 without 1; one for all or (..., number).

    Example:
        >>> evenly(12, 3).tolist()
        [2, 6, 10]
    """
    return ((np.arange(number) + where) * length / number).astype(np.int64).clip(0, length - 1)


def views(which: np.ndarray, before: int) -> np.ndarray:
    """(..., F) numbers of frames to (1, ..., F), or 2 with those ``before`` earlier; the first has but itself."""
    return np.stack([which, np.maximum(which - before, 0)]) if before else which[None]


def with_earlier(frames: np.ndarray | Frames, which: np.ndarray, before: int) -> np.ndarray:
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


def seen(scene: Scene, which: np.ndarray) -> Iterator[dict]:
    """Samples: (N, F) frames of a scene, decoded at once, each row with the whole of its sound."""
    index = torch.from_numpy(which)
    for frames, times in zip(scene.frames[index], scene.times[index], strict=True):
        yield {"frames": frames, "audio": scene.audio, "times": times, "labels": scene.labels, "key": scene.key}


def stack_scenes(samples: list[dict]) -> dict:
    """Samples to one batch."""
    names = ("frames", "audio", "times", "labels")
    return {name: torch.stack([sample[name] for sample in samples]) for name in names} | {
        "key": [sample["key"] for sample in samples]
    }


@contextmanager
def _decoding(key: str) -> Iterator[None]:
    """Whatever fails inside is told as the clip's.

    Raises:
        ShardError: Something did.
    """
    try:
        yield
    except Exception as error:  # decord, FFmpeg and the tar each have their own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise ShardError(
            f"clip {key} cannot be decoded ({reason}); remove its shards and prepare again, or leave it out"
        ) from error


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
