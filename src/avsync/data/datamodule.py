"""From shards to batches: one visible list of stages.

    shards ─► samples (bytes) ─► clips ─► segments of equal length ─► shuffled ─► batches ─► augmented on the device

Training sees random segments, several from each clip since decoding is what costs; validation sees segments side by
side, the same each time. Measuring whole clips is the evaluation's business, which reads them by itself.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import webdataset as wds
from torch import nn

from avsync import clock
from avsync.data.loading import (
    Batches,
    Mix,
    ShardsDataModule,
    ShuffledShards,
    clips_in,
    each_once,
    full_batches,
    loader,
    own_random,
    ranks,
)
from avsync.data.outline import bands, tiles
from avsync.data.shards import Clip, ShardError, Shards, decode_sample, paths
from avsync.data.speech import speech_share
from avsync.data.verdicts import Verdicts, content
from avsync.data.verify import require_faces


class ClipsDataModule(ShardsDataModule):
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
        seed: Of the order, of the segments drawn and of the augmentation.
        verdicts: A table of `avsync filter` on ``train``: clips that it drops are left out; None keeps all.

    Raises:
        ShardError: When loading starts, for missing or damaged shards, too few of them, none with a clip as long as
            a segment, or whole frames.
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
        super().__init__(make, augment, seed)
        self.train = paths(train)
        self.val, self.test = Path(val), Path(test)
        self.segment_frames, self.segments_per_clip = clock.frames(segment), segments_per_clip
        self.batch_size, self.workers, self.shuffle = batch_size, workers, shuffle
        self.verdicts = verdicts

    def train_dataloader(self) -> wds.WebLoader:
        """An epoch is every clip that is kept once, in random order, with ``segments_per_clip`` segments each."""
        clips = clips_in(self.train)
        verdicts = Verdicts(self.verdicts) if self.verdicts else None
        clips = verdicts.kept(clips, content(self.train)) if verdicts else clips
        kept = f" that {self.verdicts} keeps" if verdicts else ""
        batches = full_batches(self.train, clips, self.segments_per_clip, self.batch_size, ranks(self.trainer), kept)
        done = self.begun // batches
        shards = Shards(self.train)
        require_faces(self.train)
        require_length(shards.urls, self.segment_frames, verdicts)
        stages = [
            ShuffledShards(shards.urls, self.seed, done),
            shards,
            verdicts or decode_clips,
            RandomSegments(self.segment_frames, self.segments_per_clip, self.seed, done),
            Mix(self.shuffle, self.seed, done),
            Batches(self.batch_size, stack),
        ]
        return loader(stages, self.workers).with_epoch(batches).with_length(batches, silent=True)

    def val_dataloader(self) -> wds.WebLoader:
        """Every clip once, cut into segments side by side."""
        shards, devices = Shards([self.val]), ranks(self.trainer)
        first = each_once(shards.urls, devices)
        require_faces([self.val])
        for rank in range(devices):
            require_length(shards.urls[rank::devices], self.segment_frames)
        stages = [
            *first,
            shards,
            decode_clips,
            AdjoiningSegments(self.segment_frames),
            Batches(self.batch_size, stack),
        ]
        return loader(stages, min(self.workers, 1))


def require_length(urls: list[str], length: int, verdicts: Verdicts | None = None) -> None:
    """Before the first step: is there a clip to cut a segment from? Mostly the first one is.

    Args:
        urls: Paths of shards, those of a device.
        length: Frames of a segment.
        verdicts: That leave clips out or make them shorter.

    Raises:
        ShardError: There is none. Training would wait for it for ever, and so would another device in validation.
    """
    longest = 0
    # in an order of chance: short clips of one source lie side by side; what is read here is compared when it is used
    opened = ({"url": url} for url in random.Random(0).sample(urls, len(urls)))
    for sample in wds.tarfile_to_samples()(opened):
        if verdicts and sample["__key__"] in verdicts.dropped:
            continue
        move = verdicts.moves.get(sample["__key__"], 0) if verdicts else 0
        longest = max(longest, clock.frames(json.loads(sample["json"])["seconds"]) - abs(move))
        if longest >= length:
            return
    raise ShardError(
        f"{Path(urls[0]).parent}: of {len(urls)} shards for a device no clip lasts "
        f"data.segment={clock.seconds(length):g} s, the longest {clock.seconds(longest):g} s; lower data.segment or "
        "prepare longer clips"
    )


def decode_clips(samples: Iterable[dict]) -> Iterator[Clip]:
    """Bytes to clips."""
    for sample in samples:
        yield decode_sample(sample)


class RandomSegments:
    """Draw ``number`` segments of ``length`` frames from each clip; clips that are shorter give none."""

    def __init__(self, length: int, number: int, seed: int, visits: int = 0):
        self.length, self.number, self.seed, self.visits = length, number, seed, visits

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
