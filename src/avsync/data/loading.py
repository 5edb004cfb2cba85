"""What pipelines from shards to batches share. Each stage draws from its seed, the pass, the rank and the worker.

A pass is one epoch. A loader that begins at a later one gives what an earlier loader would have given then, so that a
training goes on with the clips and draws it would have seen.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import webdataset as wds
from torch import nn
from torch.utils.data import IterableDataset
from webdataset.utils import pytorch_worker_info

from avsync.data.shards import ShardError, read_index
from avsync.errors import AvsyncError
from avsync.media.atomic import reading


class ShuffledShards(IterableDataset):
    """Every shard once, in another order on each pass, without end; shared out over ranks and workers.

    Args:
        urls: Paths of the shards.
        seed: Of the order.
        visits: Passes that were made before, here and in the stages below.
    """

    def __init__(self, urls: list[str], seed: int, visits: int = 0):
        super().__init__()
        self.urls, self.seed, self.visits = urls, seed, visits

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


def each_once(urls: list[str], ranks: int) -> list[Any]:
    """Stages that give every shard once, shared out over ranks and workers: validation's.

    Raises:
        ShardError: There are fewer shards than ranks. One would have nothing to do, and DDP waits for all.
    """
    if len(urls) < ranks:
        raise ShardError(
            f"{len(urls)} shards of {Path(urls[0]).parent} cannot be shared by {ranks} devices; lower trainer.devices "
            "or prepare with fewer clips a shard"
        )
    return [wds.SimpleShardList(urls), wds.split_by_node, wds.split_by_worker]


class Mix:
    """Hold back ``size`` samples and hand out a random one of them for each that comes in."""

    def __init__(self, size: int, seed: int, visits: int = 0):
        self.size, self.seed, self.visits = size, seed, visits

    def __call__(self, samples: Iterable[dict]) -> Iterator[dict]:
        """The same samples in another order."""
        self.visits += 1
        draw = own_random(self.seed, self.visits)
        held: list[dict] = []
        for sample in samples:
            held.append(sample)
            if len(held) >= self.size:
                yield held.pop(draw.randrange(len(held)))
        draw.shuffle(held)
        yield from held


class Batches:
    """Hand ``size`` samples at a time to ``stack``; a last, smaller batch is kept."""

    def __init__(self, size: int, stack: Callable[[list[dict]], dict]):
        self.size, self.stack = size, stack

    def __call__(self, samples: Iterable[dict]) -> Iterator[dict]:
        """Batches of a stream of samples."""
        held: list[dict] = []
        for sample in samples:
            held.append(sample)
            if len(held) == self.size:
                yield self.stack(held)
                held = []
        if held:
            yield self.stack(held)


def own_random(seed: int, visit: int) -> random.Random:
    """Randomness of its own for each rank, worker and pass over a pipeline."""
    rank, _, worker, _ = pytorch_worker_info()
    return random.Random(f"{seed}/{visit}/{rank}/{worker}")


def clips_in(folders: Iterable[Path]) -> int:
    """How many clips their shards hold."""
    return sum(row["samples"] for folder in folders for row in read_index(folder))


def full_batches(folders: list[Path], clips: int, each: int, size: int, ranks: int, kept: str = "") -> int:
    """Batches of an epoch on each rank.

    Args:
        folders: Where the clips are, for the error.
        clips: That take part.
        each: Samples drawn from a clip.
        size: Samples in a batch.
        ranks: Devices that share the clips.
        kept: Words on why not all take part.

    Raises:
        ShardError: Not even one.
    """
    batches = clips * each // (size * ranks)
    if batches == 0:
        raise ShardError(
            f"{', '.join(map(str, folders))} holds {clips} clips{kept}, too few for one batch of {size} on "
            f"each of {ranks} devices; lower data.batch_size or prepare more"
        )
    return batches


def loader(stages: list[Any], workers: int) -> wds.WebLoader:
    """Stages, run by ``workers`` processes; 0 runs them between the steps."""
    return wds.WebLoader(
        wds.DataPipeline(*stages), batch_size=None, num_workers=workers, persistent_workers=workers > 0
    )


def ranks(trainer: pl.Trainer | None) -> int:
    """Devices that train together."""
    return trainer.world_size if trainer is not None else 1


class ShardsDataModule(pl.LightningDataModule):
    """Data that is made on first use, and goes on where a checkpoint left it.

    Args:
        make: Called once before anything is read, or None.
        augment: Applied to training batches on the device, or None.
        seed: Of the augmentation.

    Attributes:
        train: Folders whose shards are trained on.
        val: Folder for validation.
        test: Folder for the test.
        begun: Training batches that a checkpoint has behind it.
    """

    train: list[Path]
    val: Path
    test: Path

    def __init__(self, make: Callable[[], object] | None, augment: nn.Module | None, seed: int):
        super().__init__()
        self.make, self.augment, self.seed, self.begun = make, augment, seed, 0
        self._reading = ExitStack()

    def setup(self, stage: str) -> None:
        """Until :meth:`teardown` nobody replaces the shards: a shard is opened anew on each pass."""
        for folder in (*self.train, self.val, self.test):
            self._reading.enter_context(reading(folder / "shards" / "index.json"))

    def teardown(self, stage: str) -> None:
        """Let go of the shards."""
        self._reading.close()

    def state_dict(self) -> dict[str, int]:
        """What a checkpoint keeps, so that a training goes on with the clips that it would have seen."""
        return {"batches": batches_done(self.trainer)}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """The loader made next begins there."""
        self.begun = state_dict["batches"]

    def prepare_data(self) -> None:
        """Make the data where it is missing.

        Raises:
            AvsyncError: There are settings for drawing, of debug=smoke or data.make, and nothing that draws.
        """
        if self.make is None:
            return
        if not callable(self.make):
            raise AvsyncError(
                f"this data= draws nothing, but was told how to: {', '.join(self.make)}; debug=smoke and data.make go "
                "with data=synthetic_talkers or synthetic_events"
            )
        self.make()

    def on_after_batch_transfer(self, batch: dict, dataloader_idx: int) -> dict:
        """Augment training batches where the model runs, by draws that depend on seed, step and rank alone."""
        if self.augment is None or self.trainer is None or not self.trainer.training:
            return batch
        device = batch["audio"].device
        step = self.trainer.fit_loop.epoch_loop.batch_progress.total.ready
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(zlib.crc32(f"{self.seed}/{step}/{self.trainer.global_rank}".encode()))
            return self.augment.to(device)(batch)


def batches_done(trainer: pl.Trainer | None) -> int:
    """Training batches behind a trainer, in all its epochs; what a data module adds to a checkpoint."""
    return trainer.fit_loop.epoch_loop.batch_progress.total.completed if trainer is not None else 0
