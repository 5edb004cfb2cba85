"""From shards of whole-frame clips to batches of scenes: one visible list of stages.

    shards ─► scenes ─► some frames of each, decoded or held in memory ─► mixed ─► batches ─► augmented, on the device

A clip is read once a pass and gives several samples, whose frames are decoded and no others; with ``cache: memory`` all
are decoded once for all passes, and the processes that make batches share one copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import webdataset as wds
from torch import nn

from avsync.data.loading import (
    Batches,
    Mix,
    ShardsDataModule,
    ShuffledShards,
    clips_in,
    each_once,
    full_batches,
    loader,
    ranks,
)
from avsync.data.scene import EvenInstants, RandomInstants, SceneReader, Scenes, read_labels, stack_scenes
from avsync.data.shards import ShardError, Shards, paths
from avsync.errors import AvsyncError

MEMORY = Path("/proc/meminfo")
LEFT_FREE = 0.2
"""Share of the free memory that scenes must not fill."""


class ScenesDataModule(ShardsDataModule):
    """Train and validation batches from folders of shards that were prepared in whole-frame mode.

    A batch is a dict: ``frames`` (B, F, P, P, 3 or 6) uint8, ``audio`` (B, S) float32 the whole clip's sound, ``times``
    (B, F) the frames' seconds in it, ``labels`` (B, C) 1 for what sounds, ``key``, B strings.

    Args:
        train: Folder whose ``shards`` are trained on, or several.
        val: Folder for validation.
        test: Folder that the evaluation measures after training.
        make: Called once before anything is read; makes what is missing of the three folders.
        frames_per_clip: F in training, drawn at random from as many equal stretches of the clip.
        samples_per_clip: Drawn from every clip in an epoch.
        val_frames: F in validation, evenly spaced.
        decoded_frames: Of a clip, evenly spaced, that may be drawn; the others never are.
        size: P, pixels of a side; best what the network sees.
        seconds: Length of the sound. Longer clips are cut, shorter ones end in silence.
        before: Frames of 40 ms before each frame whose picture comes with it, as the network wants it; 0 for none.
        labels: A list, or a file with one a line; None for none.
        batch_size: Samples in a batch.
        workers: Processes that decode and make batches; 0 does it between the steps.
        augment: Applied to training batches on the device, or None.
        shuffle: Samples held back to be mixed.
        seed: Of the order, the frames and the augmentation.
        cache: ``memory`` holds all decoded scenes: 3 P² a decoded picture, two a frame with ``before``, and 64 kB a
            second of sound: 1.8 MB for a clip of 4 s with 40 pictures of 112 pixels. None reads them on every pass and
            decodes what is drawn.

    Raises:
        ShardError: When loading starts: missing or damaged shards, too few of them, or more than fits into memory.
        AvsyncError: The labels or ``cache`` are not what they may be.
    """

    def __init__(  # noqa: PLR0913  each a line of configs/data/scenes.yaml
        self,
        train: str | Path | Sequence[str | Path],
        val: str,
        test: str,
        *,
        make: Callable[[], object] | None = None,
        frames_per_clip: int = 1,
        samples_per_clip: int = 1,
        val_frames: int = 8,
        decoded_frames: int = 40,
        size: int = 224,
        seconds: float = 10.0,
        before: int = 0,
        labels: str | Sequence[str] | None = None,
        batch_size: int = 16,
        workers: int = 0,
        augment: nn.Module | None = None,
        shuffle: int = 256,
        seed: int = 0,
        cache: str | None = None,
    ):
        super().__init__(make, augment, seed)
        if cache not in (None, "memory"):
            raise AvsyncError(f"data.cache={cache} is not known; expected memory or null")
        self.train, self.val, self.test = paths(train), Path(val), Path(test)
        self.frames_per_clip, self.samples_per_clip, self.val_frames = frames_per_clip, samples_per_clip, val_frames
        self.labels = read_labels(labels)
        self.read = SceneReader(decoded_frames, size, seconds, self.labels, before)
        self.batch_size, self.workers, self.shuffle = batch_size, workers, shuffle
        self.cache = cache

    def train_dataloader(self) -> wds.WebLoader:
        """An epoch is every clip once, in random order, with ``samples_per_clip`` samples each."""
        clips, devices = clips_in(self.train), ranks(self.trainer)
        batches = full_batches(self.train, clips, self.samples_per_clip, self.batch_size, devices)
        done = self.begun // batches
        shards = Shards(self.train)
        stages = [
            ShuffledShards(shards.urls, self.seed, done),
            self._scenes(self.train, shards),
            RandomInstants(self.frames_per_clip, self.samples_per_clip, self.seed, done),
            Mix(self.shuffle, self.seed, done),
            Batches(self.batch_size, stack_scenes),
        ]
        return loader(stages, self.workers).with_epoch(batches).with_length(batches, silent=True)

    def val_dataloader(self) -> wds.WebLoader:
        """Every clip once."""
        shards = Shards([self.val])
        stages = [
            *each_once(shards.urls, ranks(self.trainer)),
            self._scenes([self.val], shards),
            EvenInstants(self.val_frames),
            Batches(self.batch_size, stack_scenes),
        ]
        return loader(stages, min(self.workers, 1))

    def _scenes(self, folders: Sequence[Path], shards: Shards) -> Scenes:
        scenes = Scenes(self.read, shards)
        if self.cache is None:
            return scenes
        clips = clips_in(folders)
        need = clips * self.read.bytes * (self.trainer.num_devices if self.trainer is not None else 1)
        free = (1 - LEFT_FREE) * free_memory()
        if need > free:
            raise ShardError(
                f"{', '.join(map(str, folders))}: {clips} clips of {self.read.bytes / 1e6:.1f} MB take "
                f"{need / 1e9:.1f} GB, and {free / 1e9:.1f} GB may be taken; lower data.decoded_frames or give "
                "data.cache=null"
            )
        return scenes.hold()


def free_memory() -> float:
    """Bytes that processes may still take; infinite where the system does not tell."""
    if not MEMORY.is_file():
        return float("inf")
    rows = dict(line.split(":", 1) for line in MEMORY.read_text().splitlines())
    return 1024.0 * int(rows["MemAvailable"].split()[0])
