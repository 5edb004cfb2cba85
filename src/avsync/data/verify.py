"""Reading shards as a sceptic: every damage that WebDataset would pass over in silence gets a line.

WebDataset takes a tar that was cut between members, or whose header has one flipped byte, for a shorter one. So this
module compares bytes with the index, walks the tar to its very end, and decodes every sample.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avsync import clock
from avsync.data.shards import ShardError, Shards, decode_frames, decode_sample, matches_index, read_index
from avsync.errors import AvsyncError

MEMBERS = frozenset({"mp4", "flac", "json"})


@dataclass
class Verification:
    """What a folder of shards holds.

    Attributes:
        file: The folder that was given.
        shards: Shards in the index.
        samples: Whole samples that decode.
        seconds: Their length in all.
        problems: A line for every damage, which shard and key first; empty for a sound folder.
    """

    file: str
    shards: int = 0
    samples: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def verify(folder: str | Path) -> Iterator[Verification]:
    """Check every byte and every sample of ``folder/shards``.

    Yields:
        The same report after each shard, so that a caller can show how far it is; the last one is whole.

    Raises:
        ShardError: There is no index, or it lists nothing.
    """
    rows = read_index(folder)
    shards = Path(folder) / "shards"
    report, keys = Verification(str(folder), len(rows)), dict[str, str]()
    for row in rows:
        _verify_shard(shards / row["name"], row, report, keys)
        yield report
    for path in sorted(shards.glob("*.tar")):
        if path.name not in {row["name"] for row in rows}:
            report.problems.append(f"{path.name}: not in index.json")
    yield report


def require_faces(folders: Iterable[str | Path]) -> None:
    """Before hours of work: a SyncNet looks at faces. Clips that do not say what they show pass.

    Raises:
        ShardError: A folder holds whole frames, as its first clip tells; square ones may be faces cut out before.
    """
    for folder in folders:
        shards = Shards([folder])
        first = next(shards.samples(shards.urls[0]))
        _, height, width, _ = decode_frames(first["mp4"], np.zeros(1, int)).shape
        if json.loads(first["json"]).get("crop") == "frame" and height != width:
            raise ShardError(
                f"{folder} holds whole frames, and a SyncNet looks at faces; prepare it with crop=face into another "
                "folder, or give data=scenes model=cav_mae_sync"
            )


def _verify_shard(path: Path, row: dict, report: Verification, keys: dict[str, str]) -> None:
    if not path.is_file():
        report.problems.append(f"{path.name}: missing, index.json lists {row['samples']} samples")
        return
    if not matches_index(path, row):
        report.problems.append(f"{path.name}: its bytes differ from index.json")
    found = 0
    for key, members in _samples(path, report):
        found += 1
        if key in keys:
            report.problems.append(f"{path.name}: key {key} is already in {keys[key]}")
        keys.setdefault(key, path.name)
        if problem := _problem(key, members):
            report.problems.append(f"{path.name}: {key} {problem}")
        else:
            report.samples += 1
            report.seconds += json.loads(members["json"])["seconds"]
    if found != row["samples"]:
        report.problems.append(f"{path.name}: {found} samples, index.json lists {row['samples']}")


def _samples(path: Path, report: Verification) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Keys with their members, as far as the tar can be read."""
    key, members = "", dict[str, bytes]()
    end = 0
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                name, _, suffix = member.name.partition(".")
                stream = tar.extractfile(member)
                data = stream.read() if stream else b""
                end = tar.offset
                if name != key or suffix in members:
                    if members:
                        yield key, members
                    key, members = name, {}
                members[suffix] = data
    except tarfile.TarError as error:
        report.problems.append(f"{path.name}: cannot be read on from byte {end} ({error})")
    if members:
        yield key, members
    with path.open("rb") as stream:
        stream.seek(end)
        rest = stream.read()
    # two blocks of zeros end a tar; Python's reader also stops, without a word, at a damaged header
    if len(rest) < 2 * tarfile.BLOCKSIZE or any(rest):
        report.problems.append(f"{path.name}: no end of archive at byte {end}: cut off, or a damaged header")


def _problem(key: str, members: dict[str, bytes]) -> str | None:
    """What is wrong with a sample."""
    if set(members) != MEMBERS:
        wrong = sorted(MEMBERS - set(members)) or sorted(set(members) - MEMBERS)
        return f"has {'no' if MEMBERS - set(members) else 'an unknown'} member {', '.join(wrong)}"
    try:
        clip = decode_sample({"__key__": key, **members})
        said = clock.frames(clip.meta["seconds"])
    except (AvsyncError, RuntimeError, ValueError, KeyError) as error:  # decord raises its own RuntimeError
        return f"does not decode ({str(error).strip().splitlines()[0]})"
    if not len(clip.frames) * clock.SAMPLES_PER_FRAME == len(clip.audio) == said * clock.SAMPLES_PER_FRAME:
        return f"holds {len(clip.frames)} frames and {len(clip.audio)} samples, its JSON says {said} frames"
    return None
