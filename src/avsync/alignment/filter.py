"""Score every clip of a set, shard by shard, on all processes and devices, and divide the good from the bad.

shard ─► SCORES/<shard>-<content>.parquet     written whole; reused while shard, network and settings are the same
all   ─► the line between good and bad ─► verdicts ─► one table
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
import webdataset as wds
from rich.console import Console
from rich.progress import track
from torch import nn

from avsync.alignment.scores import WRONG_KEPT, WRONG_WINDOWS, embed, score
from avsync.alignment.verdicts import Line, draw_line, judge
from avsync.data.engine import Crash, run_all
from avsync.data.shards import ShardError, decode_sample, paths, read_index, verified_shards
from avsync.data.verdicts import content, read_table, write_table
from avsync.data.verify import require_faces
from avsync.errors import AvsyncError
from avsync.models.checkpoints import fingerprint, load_syncnet

VERSION = 2
"""Raised whenever the same clips would get other scores."""
COMPANY = 8
"""Other clips whose sound a clip is held against, at least; a smaller shard takes the next ones of its folder along."""


@dataclass(frozen=True)
class Judged:
    """A set with a verdict on every clip.

    Attributes:
        rows: In the order of folders and shards: the table's columns, and ``wrong`` and ``wrong_best``.
        line: What divides them.
        about: ``shards``, the folders, ``content``, of their bytes, and what they were judged by.
    """

    rows: list[dict[str, Any]]
    line: Line
    about: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the table."""
        shown = [{k: v for k, v in row.items() if k not in ("wrong", "wrong_best")} for row in self.rows]
        write_table(path, shown, self.about | self.line.about())


@dataclass(frozen=True)
class Filter:
    """What ``avsync filter`` and training rounds do.

    Args:
        search: Largest offset tried, in frames.
        correct: Frames up to which a clip that is shifted is corrected instead of dropped.
        workers: Processes; None takes one a core, or one a GPU where there are any.
        devices: Where networks run, shared out over the shards; None takes every GPU, or the CPU.
        progress: Show a bar.
    """

    search: int = 15
    correct: int = 0
    workers: int | None = None
    devices: tuple[str, ...] | None = None
    progress: bool = True

    def __call__(self, folders: str | Path | Sequence[str | Path], checkpoint: Path, scores: Path) -> Judged:
        """Judge every clip of a set, with one line through all of it.

        Args:
            folders: Of shards, one or several.
            checkpoint: Any SyncNet of avsync's.
            scores: Folder for the scores of each shard; what is there of a run that was killed is not made again.

        Raises:
            ShardError: Missing or damaged shards, whole frames, or a key that occurs twice.
            CheckpointError: It cannot be used.
        """
        require_faces(paths(folders))
        network, devices = _identity(load_syncnet(checkpoint)[0]), cycle(self._devices())
        parts = [
            part for folder in paths(folders) for part in self._parts(folder, checkpoint, network, scores, devices)
        ]
        _each_key_once(part.shards[0] for part in parts)
        missing = {part.shards[0]: part for part in parts if not part.path.is_file()}
        scores.mkdir(parents=True, exist_ok=True)
        workers = min(self._workers(), max(1, len(missing)))
        threads = torch.get_num_threads()
        done = run_all(_score_shard, missing, workers=workers) if missing else iter(())
        console = Console(stderr=True)
        for shard, result in track(done, "scoring", len(missing), console=console, transient=True,
                                   disable=not (self.progress and console.is_terminal)):  # fmt: skip
            if isinstance(result, Crash):
                raise AvsyncError(f"{shard}: {result}")
        torch.set_num_threads(threads)  # a single worker is this process
        rows = [{"shard": part.shards[0], **row} for part in parts for row in read_table(part.path)[0]]
        line = draw_line(rows)
        for row in rows:
            row["verdict"], row["reason"] = judge(row, line, self.correct)
        by = {"checkpoint": str(checkpoint), "network": network, "search": self.search, "correct": self.correct}
        about = {"shards": list(map(str, paths(folders))), "content": content(paths(folders))}
        return Judged(rows, line, about | by)

    def _parts(
        self, folder: Path, checkpoint: Path, network: str, scores: Path, devices: Iterator[str]
    ) -> Iterator[_Part]:
        urls, index = verified_shards(folder), read_index(folder)
        for number, row in enumerate(index):
            company = [number]
            while sum(index[k]["samples"] for k in company) <= COMPANY and len(company) < len(index):
                company.append((company[-1] + 1) % len(index))
            told = [VERSION, network, self.search, WRONG_WINDOWS, WRONG_KEPT, *(index[k]["sha256"] for k in company)]
            told_of = hashlib.sha256(json.dumps(told).encode()).hexdigest()
            shards = tuple(urls[k] for k in company)
            # shards of different folders have the same names
            path = scores / f"{Path(row['name']).stem}-{told_of[:16]}.parquet"
            yield _Part(shards, row["samples"], checkpoint, network, next(devices), self.search, path)

    def _devices(self) -> tuple[str, ...]:
        found = tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
        return tuple(self.devices or found or ("cpu",))

    def _workers(self) -> int:
        if self.workers is not None:
            return self.workers
        devices = self._devices()
        return (os.cpu_count() or 1) if devices == ("cpu",) else len(devices)


@dataclass(frozen=True)
class _Part:
    """The scores of one shard: of its first ``samples`` clips, those of other shards are company."""

    shards: tuple[str, ...]
    samples: int
    checkpoint: Path
    network: str
    device: str
    search: int
    path: Path


def _each_key_once(shards: Iterable[str]) -> None:
    """Told by the shards' lists of members: before anything is scored."""
    holder: dict[str, str] = {}
    for shard in shards:
        with tarfile.open(shard) as tar:
            keys = [name.partition(".")[0] for name in tar.getnames() if name.endswith(".json")]
        for key in keys:
            if key in holder:
                raise ShardError(
                    f"the key {key} is in {holder[key]} and in {shard}, and verdicts go by key; "
                    "prepare one of them again, from a source of another name"
                )
            holder[key] = shard


def _score_shard(part: _Part) -> None:
    torch.set_num_threads(1)  # there is a process a core
    net = _loaded(part.checkpoint, part.device, part.network)
    samples = wds.tarfile_to_samples()([{"url": url} for url in part.shards])
    clips = [embed(decode_sample(sample), net, part.search) for sample in samples]
    rows = []
    for number, clip in enumerate(clips[: part.samples]):
        others = clips[number + 1 :] + clips[:number]
        rows.append(score(clip, others, part.search))
    write_table(part.path, rows)


@cache
def _loaded(checkpoint: Path, device: str, network: str) -> Any:
    """The network; ``network`` tells apart what lay at the same path at different times."""
    return load_syncnet(checkpoint, device)[0]


def _identity(net: nn.Module) -> str:
    """Of structure and weights; a calibration beside them changes nothing."""
    return hashlib.sha256(f"{net} {fingerprint(net)}".encode()).hexdigest()[:16]
