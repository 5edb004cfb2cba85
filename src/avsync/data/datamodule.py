"""From shards to batches: one visible list of stages.

    shards ─► samples (bytes) ─► clips ─► segments of equal length ─► shuffled ─► batches ─► augmented on the device

Training sees random segments, several from each clip since decoding is what costs; validation sees segments side by
side, the same each time. Measuring whole clips is the evaluation's business, which reads them by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
import webdataset as wds
from torch import nn
from torch.utils.data import IterableDataset
from webdataset.utils import pytorch_worker_info

from avsync import clock
from avsync.data.outline import bands, tiles
from avsync.data.shards import Clip, ShardError, decode_sample, read_index, verified_shards
from avsync.data.speech import speech_share
from avsync.data.verdicts import Verdicts


class ClipsDataModule(pl.LightningDataModule):
    """Train and validation batches from folders of shards.

    A batch is a dict: ``frames`` (B, T, H, W, 3) uint8, ``audio`` (B, 640 T) float32, ``speech`` (B, T - 4), the share
    of each window that is not silent, ``key``, B strings, and outlines: ``tiles`` (B, T, 64), ``bands`` (B, T, 16).

    Args:
        train: Folder whose ``shards`` are trained on, or several.
        val: Folder for validation.
        test: Folder that the evaluation measures after training.
        make: Called once before anything is read; makes what is missing of the three folders.
        segment: Seconds of a training segment.
        segments_per_clip: Segments drawn from every clip in an epoch.
        batch_size: Segments in a batch.
        workers: Processes that decode; 0 decodes between the steps.
        augment: Applied to training batches on the device, or None.
        shuffle: Segments held back to be mixed, each 1.4 MB for two seconds of 96-pixel crops.
        seed: Of the order and of the segments drawn.
        verdicts: A table of `avsync filter` on ``train``: clips that it drops are left out; None keeps all.

    Raises:
        ShardError: When loading starts, for missing or damaged shards, or too few of them.
    """

    def __init__(  # noqa: PLR0913  each a line of configs/data/shards.yaml
        self,
        train: str | Path | Sequence[str | Path],
        val: str,
        test: str,
        *,
        make: Callable[[], object] | None = None,
        segment: float = 2.0,
        segments_per_clip: int = 3,
        batch_size: int = 16,
        workers: int = 1,
        augment: nn.Module | None = None,
        shuffle: int = 128,
        seed: int = 0,
        verdicts: str | None = None,
    ):
        super().__init__()
        self.train = [Path(folder) for folder in ([train] if isinstance(train, str | Path) else train)]
        self.val, self.test = Path(val), Path(test)
        self.make, self.augment = make, augment
        self.segment_frames, self.segments_per_clip = clock.frames(segment), segments_per_clip
        self.batch_size, self.workers, self.shuffle = batch_size, workers, shuffle
        self.seed, self.verdicts = seed, verdicts

    def prepare_data(self) -> None:
        """Make the data where it is missing."""
        if self.make is not None:
            self.make()

    def train_dataloader(self) -> wds.WebLoader:
        """An epoch is every clip that is kept once, in random order, with ``segments_per_clip`` segments each."""
        clips = sum(row["samples"] for folder in self.train for row in read_index(folder))
        verdicts = Verdicts(self.verdicts) if self.verdicts else None
        clips = verdicts.kept(clips) if verdicts else clips
        batches = clips * self.segments_per_clip // (self.batch_size * self._ranks())
        if batches == 0:
            kept = f" that {self.verdicts} keeps" if verdicts else ""
            folders = ", ".join(map(str, self.train))
            raise ShardError(
                f"{folders} holds {clips} clips{kept}, too few for one batch of {self.batch_size} segments on "
                f"each of {self._ranks()} devices; lower data.batch_size or prepare more"
            )
        stages = [
            ShuffledShards([shard for folder in self.train for shard in verified_shards(folder)], self.seed),
            wds.tarfile_to_samples(),
            verdicts or decode_clips,
            RandomSegments(self.segment_frames, self.segments_per_clip, self.seed),
            Mix(self.shuffle, self.seed),
            Batches(self.batch_size),
        ]
        return self._loader(stages, self.workers).with_epoch(batches).with_length(batches, silent=True)

    def val_dataloader(self) -> wds.WebLoader:
        """Every clip once, cut into segments side by side."""
        stages = [
            wds.SimpleShardList(verified_shards(self.val)),
            wds.split_by_node,
            wds.split_by_worker,
            wds.tarfile_to_samples(),
            decode_clips,
            AdjoiningSegments(self.segment_frames),
            Batches(self.batch_size),
        ]
        return self._loader(stages, min(self.workers, 1))

    def on_after_batch_transfer(self, batch: dict, dataloader_idx: int) -> dict:
        """Augment training batches where the model runs."""
        if self.augment is None or self.trainer is None or not self.trainer.training:
            return batch
        return self.augment.to(batch["audio"].device)(batch)

    def _ranks(self) -> int:
        return self.trainer.world_size if self.trainer is not None else 1

    @staticmethod
    def _loader(stages: list, workers: int) -> wds.WebLoader:
        return wds.WebLoader(
            wds.DataPipeline(*stages), batch_size=None, num_workers=workers, persistent_workers=workers > 0
        )


def decode_clips(samples: Iterable[dict]) -> Iterator[Clip]:
    """Bytes to clips."""
    for sample in samples:
        yield decode_sample(sample)


class ShuffledShards(IterableDataset):
    """Every shard once, in another order on each pass, without end; shared out over ranks and workers."""

    def __init__(self, urls: list[str], seed: int):
        super().__init__()
        self.urls, self.seed, self.visits = urls, seed, 0

    def __iter__(self) -> Iterator[dict]:
        """Shards as WebDataset names them, ``{"url": path}``."""
        rank, ranks, worker, workers = pytorch_worker_info()
        if len(self.urls) < ranks * workers:
            raise ShardError(
                f"{len(self.urls)} shards cannot be shared by {ranks} devices x {workers} workers; "
                "lower data.workers or prepare with fewer clips a shard"
            )
        self.visits += 1
        for turn in count():
            # the same order everywhere, so that the shares do not overlap
            order = random.Random(f"{self.seed}/{self.visits}/{turn}").sample(self.urls, len(self.urls))
            yield from ({"url": url} for url in order[rank * workers + worker :: ranks * workers])


class RandomSegments:
    """Draw ``number`` segments of ``length`` frames from each clip; clips that are shorter give none."""

    def __init__(self, length: int, number: int, seed: int):
        self.length, self.number, self.seed, self.visits = length, number, seed, 0

    def __call__(self, clips: Iterable[Clip]) -> Iterator[dict]:
        """Segments of a stream of clips."""
        self.visits += 1
        draw = own_random(self.seed, self.visits)
        for clip in clips:
            room = len(clip.frames) - self.length
            for _ in range(self.number if room >= 0 else 0):
                yield cut(clip, draw.randint(0, room), self.length)


class AdjoiningSegments:
    """Cut each clip into segments of ``length`` frames side by side; what is left at the end is not used."""

    def __init__(self, length: int):
        self.length = length

    def __call__(self, clips: Iterable[Clip]) -> Iterator[dict]:
        """Segments of a stream of clips."""
        for clip in clips:
            for start in range(0, len(clip.frames) - self.length + 1, self.length):
                yield cut(clip, start, self.length)


class Mix:
    """Hold back ``size`` segments and hand out a random one of them for each that comes in."""

    def __init__(self, size: int, seed: int):
        self.size, self.seed, self.visits = size, seed, 0

    def __call__(self, segments: Iterable[dict]) -> Iterator[dict]:
        """The same segments in another order."""
        self.visits += 1
        draw = own_random(self.seed, self.visits)
        held: list[dict] = []
        for segment in segments:
            held.append(segment)
            if len(held) >= self.size:
                yield held.pop(draw.randrange(len(held)))
        draw.shuffle(held)
        yield from held


class Batches:
    """Stack ``size`` segments; a last, smaller batch is kept."""

    def __init__(self, size: int):
        self.size = size

    def __call__(self, segments: Iterable[dict]) -> Iterator[dict]:
        """Batches of a stream of segments."""
        held: list[dict] = []
        for segment in segments:
            held.append(segment)
            if len(held) == self.size:
                yield stack(held)
                held = []
        if held:
            yield stack(held)


def own_random(seed: int, visit: int) -> random.Random:
    """Randomness of its own for each rank, worker and pass over a pipeline."""
    rank, _, worker, _ = pytorch_worker_info()
    return random.Random(f"{seed}/{visit}/{rank}/{worker}")


def cut(clip: Clip, start: int, length: int) -> dict:
    """Frames ``start``...``start + length - 1`` of a clip with their sound."""
    first, last = start * clock.SAMPLES_PER_FRAME, (start + length) * clock.SAMPLES_PER_FRAME
    audio = torch.from_numpy(clip.audio[first:last])
    # told by the sound as it is: augmentation fills its pauses with noise
    speech = speech_share(audio)
    return {"frames": clip.frames[start : start + length], "audio": audio, "speech": speech, "key": clip.key}


def stack(segments: list[dict]) -> dict:
    """Segments of equal length to one batch."""
    return {
        "frames": torch.from_numpy(np.stack([segment["frames"] for segment in segments])),
        "audio": torch.stack([segment["audio"] for segment in segments]),
        "speech": torch.stack([segment["speech"] for segment in segments]),
        "key": [segment["key"] for segment in segments],
        "tiles": torch.stack([tiles(segment["frames"]) for segment in segments]),
        "bands": torch.stack([bands(segment["audio"]) for segment in segments]),
    }
