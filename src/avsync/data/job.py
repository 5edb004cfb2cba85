"""A source with what is to be done to it, and the row that says what became of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from avsync import clock
from avsync.data.clips import Settings
from avsync.data.sources import Source
from avsync.data.timeline import KEPT, Timeline

VERSION = 4
"""Raised whenever the same source would give other clips."""

STAGES = ("probe", "clips", "sync", "shards")

_READABLE = 150
"""Characters of a key that are taken from the name: file systems allow 255 in all."""

Row = dict[str, Any]
"""What became of a source: ``key``, ``source``, ``state`` (probed, kept, dropped or failed), ``reason``, ``clips``,
``seconds_in``, ``seconds_kept`` and ``seconds_dropped`` by reason."""


class Check(Protocol):
    """Tells whether a clip is in sync; see :class:`avsync.alignment.check.SyncCheck`."""

    def __call__(self, frames: np.ndarray, audio: np.ndarray) -> tuple[int | None, float]:
        """Frames by which the sound is early, None when that is undecided, and the confidence."""


@dataclass(frozen=True)
class Job:
    """A source with what is to be done to it.

    Attributes:
        source: The piece of footage.
        work: Folder of what the stages make.
        settings: How clips are cut.
        until: The last stage to run, one of :data:`STAGES`.
        check: Of the sync stage; None leaves it out.
        max_offset: Frames that the check may correct; clips further out are dropped.
    """

    source: Source
    work: Path
    settings: Settings
    until: str = "shards"
    check: Check | None = None
    max_offset: int = 5

    @property
    def key(self) -> str:
        """A name that is unique for a source and safe in a tar, whose keys end at the first dot."""
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", self.source.name)[:_READABLE]
        digest = hashlib.sha256(self.source.name.encode(errors="surrogateescape")).hexdigest()
        # more of it where more was left out of the name: whole sets are named in other letters
        return f"{name}-{digest[: 6 if len(name) == len(self.source.name) else 12]}"

    def path(self, stage: str, suffix: str) -> Path:
        """A file of a stage."""
        return self.work / stage / f"{self.key}.{suffix}"

    def fingerprint(self) -> str:
        """Of everything that the clips depend on; the folder that the files lie in is no part of it."""
        source = asdict(self.source)
        for name in ("path", "audio"):
            file = source.pop(name)
            source[name] = _stat(file) if file else None
        told = [VERSION, source, asdict(self.settings), repr(self.check), self.max_offset]
        return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]


def _stat(file: Path) -> list[int]:
    return [file.stat().st_size, file.stat().st_mtime_ns] if os.path.isfile(file) else []


def failed(job: Job, reason: str, seconds: float = 0.0) -> Row:
    """The row of a source that cannot be used."""
    dropped = {"damaged": round(seconds, 3)} if seconds else {}
    return row_of(job, "failed", reason, seconds) | {"seconds_dropped": dropped}


def row_of(job: Job, state: str, reason: str = "", seconds: float = 0.0) -> Row:
    """The row of a source of which nothing is kept yet."""
    row: Row = {"key": job.key, "source": job.source.name, "state": state, "reason": reason, "clips": 0}
    return row | {"seconds_in": round(seconds, 3), "seconds_kept": 0.0, "seconds_dropped": {}}


def told(job: Job, timeline: Timeline, begin: int, end: int, clips: int) -> Row:
    """The row of a source that was read: where its seconds went."""
    seconds = timeline.seconds(begin, end)
    kept = seconds.pop(KEPT, 0.0)
    row = row_of(job, KEPT, seconds=clock.seconds(max(0, end - begin)))
    if not clips:
        row |= {"state": "dropped", "reason": max(seconds, key=lambda name: seconds[name], default="nothing in it")}
    row |= {"clips": clips, "seconds_kept": round(kept, 3), "dropped": timeline.dropped, "interval": [begin, end]}
    return row | {"seconds_dropped": {name: round(value, 3) for name, value in seconds.items()}}
