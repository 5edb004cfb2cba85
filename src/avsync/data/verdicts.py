"""Verdicts: a Parquet table that says by key which clips of a set to train on, and which to move first.

Made by :mod:`avsync.alignment.filter`, applied by the datamodule (``data.verdicts=TABLE``). A table tells of whole
sets: a clip that it does not know is an error, not a clip to keep.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from avsync import clock
from avsync.data.shards import Clip, ShardError, decode_sample, read_index
from avsync.media.atomic import whole_file

KEEP, DROP, CORRECTED = "keep", "drop", "corrected"


def write_table(path: Path, rows: list[dict[str, Any]], about: dict[str, Any] | None = None) -> None:
    """Write rows of equal columns as Parquet, whole or not at all.

    Args:
        path: The file.
        rows: At least one.
        about: Plain values on the table as a whole; kept in its metadata.
    """
    import pyarrow as pa  # a tenth of a second: only who handles a table waits for it
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(rows).replace_schema_metadata({"avsync": json.dumps(about or {})})
    with whole_file(path) as partial:
        pq.write_table(table, partial)


def read_table(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows and what is told about them as a whole.

    Raises:
        ShardError: There is no such file or it is no table of avsync's.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise ShardError(f"{path} is not a file; expected a table of verdicts: make it with `avsync filter`")
    try:
        table = pq.read_table(path)
        return table.to_pylist(), json.loads((table.schema.metadata or {})[b"avsync"])
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise ShardError(
            f"{path} is no table that avsync wrote ({error}); make it again with `avsync filter`"
        ) from error


def content(folders: Iterable[str | Path]) -> str:
    """Of the bytes of all shards, in whichever order the folders are named."""
    digests = sorted(row["sha256"] for folder in folders for row in read_index(folder))
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


class Verdicts:
    """Which clips of a set take part.

    Args:
        path: A table with ``key``, ``verdict`` and ``offset``, the frames by which the sound is early.

    Attributes:
        moves: Frames to move by for every key that takes part, mostly 0.
        dropped: Keys that do not.
        content: Of the shards that it tells of, see :func:`content`; None in tables of old.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        rows, about = read_table(self.path)
        self.content = about.get("content")
        self.moves = {row["key"]: row["offset"] if row["verdict"] == CORRECTED else 0
                      for row in rows if row["verdict"] != DROP}  # fmt: skip
        self.dropped = {row["key"] for row in rows if row["verdict"] == DROP}

    def kept(self, clips: int, content: str) -> int:
        """How many of a set's ``clips`` take part.

        Raises:
            ShardError: The table tells of another number of clips, or of others.
        """
        told = len(self.moves) + len(self.dropped)
        if told != clips:
            raise ShardError(f"{self.path} tells of {told} clips, the shards hold {clips}; run `avsync filter` on them")
        if self.content not in (None, content):
            raise ShardError(f"{self.path} tells of shards that were other ones; run `avsync filter` on them again")
        return len(self.moves)

    def __call__(self, samples: Iterable[dict]) -> Iterator[Clip]:
        """Decode the samples that take part, their sound moved where it has to be.

        Raises:
            ShardError: A key that the table does not know.
        """
        for sample in samples:
            key = sample["__key__"]
            if key in self.dropped:
                continue
            if key not in self.moves:
                raise ShardError(f"{self.path} does not know the clip {key}; run `avsync filter` on these shards")
            yield moved(decode_sample(sample), self.moves[key])


def moved(clip: Clip, offset: int) -> Clip:
    """A clip with its sound moved to its picture, as much shorter as it moved.

    Args:
        clip: One whose sound is off.
        offset: Frames by which the sound is early: what belongs to picture i was heard that many frames before.
    """
    if not offset:
        return clip
    length = len(clip.frames) - abs(offset)
    picture, sound = max(0, offset), max(0, -offset)
    meta = dict(clip.meta)
    for name in ("boxes", "landmarks"):
        if name in meta:
            meta[name] = meta[name][picture : picture + length]
    if "start" in meta:
        meta["start"] = clock.seconds(clock.frames(meta["start"]) + picture)
    meta["seconds"] = clock.seconds(length)
    audio = clip.audio[sound * clock.SAMPLES_PER_FRAME : (sound + length) * clock.SAMPLES_PER_FRAME]
    return replace(clip, frames=clip.frames[picture : picture + length], audio=audio, meta=meta)
