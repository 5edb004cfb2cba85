"""Clips in whole-frame mode embedded once, and what an evaluation's parts have in common.

split ─► clip by clip: F frames and the sound around each ─► (N, F, D) of both streams, and what each part looks at
      ─► parts: numbers, what the checkpoint shall know, a piece of the page

Of a clip only what is asked for is decoded: F frames of those that follow, on all cores, while one is embedded.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from avsync import clock
from avsync.data.events import labels_of
from avsync.data.scene import evenly, views, with_earlier
from avsync.data.shards import OpenClip, ShardError, Shards, open_sample
from avsync.media.atomic import whole_file

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae


@dataclass(frozen=True)
class Split:
    """A split, embedded.

    Attributes:
        folders: Of the shards.
        keys: N names.
        labels: Kinds that sound in each of the N clips.
        video: (N, F, D) unit length.
        audio: (N, F, D) unit length.
        times: (N, F) seconds of the frames in their clips.
        looks: What each part saw of each clip, by the part's name.
    """

    folders: list[Path]
    keys: list[str]
    labels: list[list[str]]
    video: Tensor
    audio: Tensor
    times: Tensor
    looks: dict[str, list[Any]]


@dataclass(frozen=True)
class Row:
    """A line of the table that a run ends with.

    Attributes:
        name: What was measured, in words.
        value: As people read it.
        chance: What guessing gives, or "".
    """

    name: str
    value: str
    chance: str = ""


@dataclass(frozen=True)
class Found:
    """What a part found out.

    Attributes:
        metrics: By name, without ``test/``.
        rows: Of the table.
        calibration: Goes into the checkpoint under the part's name, if there is any.
        page: HTML of the report.
    """

    metrics: dict[str, float]
    rows: list[Row] = field(default_factory=list)
    calibration: dict[str, Any] = field(default_factory=dict)
    page: list[str] = field(default_factory=list)


class Part(Protocol):
    """One of the things measured on scenes.

    Attributes:
        name: Of what it found.
        splits: Which of ``train``, ``val`` and ``test`` it needs.
    """

    name: str
    splits: tuple[str, ...]

    def look(self, net: CavMae, clip: OpenClip) -> Any:
        """What it keeps of a clip of ``val`` or ``test`` while that is open; in order, each clip once."""

    def __call__(self, net: CavMae, splits: Mapping[str, Split]) -> Found:
        """Measure on ``test``; what has to be fitted, on the others."""


def pictures_of(net: CavMae, clip: OpenClip, shown: np.ndarray) -> Tensor:
    """(F,) indices of frames of a clip to what the network's ``video_features`` want: (F, H, W, C) uint8."""
    return torch.from_numpy(with_earlier(clip.frames, shown, int(net.video_features.before)))  # type: ignore[arg-type]


def opened(net: CavMae, folders: Sequence[Path], most: int | None = None) -> Iterator[OpenClip]:
    """Clips in their order, the frames at their moments decoded already.

    Args:
        net: Whose moments.
        folders: Of shards.
        most: Clips at most; None for all.
    """
    before = int(net.video_features.before)  # type: ignore[arg-type]

    def ready(sample: dict) -> OpenClip:
        clip = open_sample(sample)
        clip.frames[views(evenly(len(clip.frames), net.frames), before)]
        return clip

    shards = Shards(folders)
    samples = (sample for url in shards.urls for sample in shards.samples(url))
    return _ahead(ready, islice(samples, most), len(os.sched_getaffinity(0)))


def _ahead(work: Callable[[Any], Any], items: Iterator[Any], threads: int) -> Iterator[Any]:
    """What ``work`` gives for each item, in their order; so many threads are at work on those that follow."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(work, item) for item in islice(items, 2 * threads))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(items, 1))


@torch.inference_mode()
def embed_moments(net: CavMae, clip: OpenClip, shown: np.ndarray) -> tuple[Tensor, Tensor]:
    """Embed some frames of a clip and the sound around each.

    Args:
        net: Network.
        clip: Picture and sound.
        shown: (F,) indices of frames.

    Returns:
        Two (F, D), unit length, picture and sound, on the CPU.
    """
    device = next(net.parameters()).device
    frames = pictures_of(net, clip, shown)[None].to(device)
    times = torch.from_numpy(shown / clock.FPS).float()[None].to(device)
    audio = torch.from_numpy(clip.audio)[None].to(device)
    video, sound = net.embed_video(frames)[0], net.embed_audio(audio, times)[0]
    return video.float().cpu(), sound.float().cpu()


def embed_split(
    net: CavMae,
    folders: Sequence[Path],
    parts: Sequence[Part] = (),
    *,
    what: str = "embedding",
    progress: bool = True,
    most: int | None = None,
) -> Split:
    """Embed every clip of some folders, once.

    Args:
        net: Network; as many frames of a clip are embedded as ``net.frames`` says.
        folders: Of shards.
        parts: Those that want to look at each clip as it passes.
        what: Said beside the bar.
        progress: Show the bar.
        most: Clips that are embedded at most; None for all.

    Raises:
        ShardError: There are no clips.
    """
    keys: list[str] = []
    labels: list[list[str]] = []
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    looks: dict[str, list[Any]] = {part.name: [] for part in parts}
    for clip in track(opened(net, folders, most), what, disable=not progress, transient=True):
        shown = evenly(len(clip.frames), net.frames)
        rows.append((*embed_moments(net, clip, shown), torch.from_numpy(shown / clock.FPS)))
        keys.append(clip.key)
        labels.append(labels_of(clip.meta))
        for part in parts:
            looks[part.name].append(part.look(net, clip))
    if not rows:
        where = ", ".join(map(str, folders))
        raise ShardError(f"{where}: not one clip to measure; prepare some with data_prep/prepare.py crop=frame")
    video, audio, times = (torch.stack(column) for column in zip(*rows, strict=True))
    return Split(list(folders), keys, labels, video, audio, times, looks)


def save_embeddings(split: Split, path: Path) -> None:
    """Write ``keys`` (N,), ``labels`` (N,) joined by "|", ``video`` and ``audio`` (N, F, D), ``times`` (N, F)."""
    with whole_file(path) as partial:
        np.savez(
            partial,
            keys=np.array(split.keys),
            labels=np.array(["|".join(labels) for labels in split.labels]),
            video=split.video.numpy(),
            audio=split.audio.numpy(),
            times=split.times.numpy(),
        )
