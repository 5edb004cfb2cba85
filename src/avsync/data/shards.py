"""Shards: WebDataset tars in which one sample is one clip, and the index that makes damage visible.

    FOLDER/shards/000000.tar ... 000014.tar
    FOLDER/shards/index.json        samples, bytes and SHA-256 of every shard

A sample has three members, ``<key>.mp4`` (face crop, H.264, 25 fps, no sound), ``<key>.flac`` (16 kHz mono) and
``<key>.json`` (where it came from). H.264 and lossless sound, because MPEG-4 part 2 and AAC tell a network what time
it is (SparseSync, arXiv 2210.07055, section on artefacts). Regular key frames in H.264 do as well: experiments/LOG.md.

WebDataset reads a truncated tar as a shorter one without a word, so a shard is written beside its name and renamed,
the index is written last, and every shard is compared with the index before it is read: that it is there, and its size,
at once; its bytes when it is opened. Hashing all of a large set before the first step would take hours on each device.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import webdataset as wds

from avsync import clock
from avsync.errors import AvsyncError
from avsync.media.atomic import is_read
from avsync.media.write import decode_flac

SHARD_SAMPLES = 20
"""Clips in a shard: small enough that a laptop's two workers share the embedded data evenly."""


class ShardError(AvsyncError):
    """A folder of shards is missing, incomplete or damaged."""


class Frames:
    """Pictures of an MP4 that avsync wrote, decoded when they are asked for and then kept.

    ``frames[3]`` is (H, W, 3) uint8 RGB, ``frames[numbers]`` has the shape of ``numbers`` before that.

    Args:
        data: The file's bytes.
        length: T, how many there are.
    """

    def __init__(self, data: bytes, length: int):
        self.data, self.length = data, length
        self._kept: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, which: int | np.ndarray) -> np.ndarray:
        asked, place = np.unique(which, return_inverse=True)
        missing = np.array([number for number in asked.tolist() if number not in self._kept], int)
        if len(missing):
            self._kept.update(zip(missing.tolist(), decode_frames(self.data, missing), strict=True))
        return np.stack([self._kept[number] for number in asked.tolist()])[place.reshape(np.shape(which))]


@dataclass(frozen=True)
class OpenClip:
    """A :class:`Clip` whose pictures are decoded one by one, as they are asked for.

    Attributes:
        key: Unique name within its data set.
        frames: T of them.
        audio: (640 T,) float32 in [-1, 1] at 16 kHz.
        meta: As a clip's.
    """

    key: str
    frames: Frames
    audio: np.ndarray
    meta: dict


@dataclass(frozen=True)
class Clip:
    """One sample: picture and sound of the same interval.

    Attributes:
        key: Unique name within its data set.
        frames: (T, H, W, 3) uint8 RGB at 25 fps.
        audio: (640 T,) float32 in [-1, 1] at 16 kHz.
        meta: Source, interval, track, boxes and what else preparation knew.
    """

    key: str
    frames: np.ndarray
    audio: np.ndarray
    meta: dict


def write_shards(samples: Iterable[dict], folder: Path, shard_samples: int = SHARD_SAMPLES) -> Path:
    """Write encoded samples to ``folder/shards``, replacing what is there, and return that path.

    Args:
        samples: Dicts with ``__key__`` (str), ``mp4`` and ``flac`` (bytes) and ``json`` (bytes), in the order to keep.
        folder: Where ``shards`` is made. It appears whole or not at all.
        shard_samples: Clips in each tar but the last.

    Raises:
        ShardError: A training is reading what is there.
    """
    final, partial, before = (folder / name for name in ("shards", f".shards.{os.getpid()}", ".shards.before"))
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    shards: list[dict] = []
    batch: list[dict] = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == shard_samples:
            shards.append(_write_tar(partial / f"{len(shards):06d}.tar", batch))
            batch = []
    if batch:
        shards.append(_write_tar(partial / f"{len(shards):06d}.tar", batch))
    (partial / "index.json").write_text(json.dumps({"version": 1, "shards": shards}, indent=1))
    require_unread(folder)
    if final.is_dir():
        shutil.rmtree(before, ignore_errors=True)
        os.replace(final, before)  # killed in between, it leaves no shards: never some of them
    os.replace(partial, final)
    shutil.rmtree(before, ignore_errors=True)
    return final


def require_unread(folder: Path) -> None:
    """Before the shards of a folder are replaced, and before the work for that.

    Raises:
        ShardError: A training is reading them.
    """
    shards = folder / "shards"
    if is_read(shards / "index.json"):
        raise ShardError(
            f"{shards}: a training is reading these shards; wait for it, or give another out= (data.make.out=)"
        )


def _write_tar(path: Path, samples: list[dict]) -> dict:
    with path.open("wb") as stream, wds.TarWriter(stream, encoder=False, mtime=0) as tar:
        for sample in samples:
            tar.write(sample)
    return {"name": path.name, "samples": len(samples), "bytes": path.stat().st_size, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def paths(folders: str | Path | Sequence[str | Path]) -> list[Path]:
    """One folder of shards or several."""
    return [Path(folder) for folder in ([folders] if isinstance(folders, str | Path) else folders)]


def read_index(folder: str | Path) -> list[dict]:
    """Rows of ``folder/shards/index.json``, one a shard: ``name``, ``samples``, ``bytes``, ``sha256``.

    Raises:
        ShardError: There is no index, or it lists no sample.
    """
    path = Path(folder) / "shards" / "index.json"
    if (Path(folder) / "index.json").is_file():
        raise ShardError(f"{folder} holds the shards themselves; give the folder around it, {Path(folder).parent}")
    if not path.is_file():
        raise ShardError(f"{path} does not exist; expected a folder written by data_prep/prepare.py: run it first")
    shards = json.loads(path.read_text())["shards"]
    if not shards:
        raise ShardError(f"{path} lists no clip; see summary.json and failures.csv beside the shards for the reasons")
    return shards


class Shards:
    """The shards of some folders, to be opened one by one.

    Args:
        folders: Each with an index, whose rows are compared with the names and sizes there are.

    Attributes:
        urls: Paths of the shards, in the order of the folders and of their indices.

    Raises:
        ShardError: A shard is missing or of another size.
    """

    def __init__(self, folders: Iterable[str | Path]):
        self._rows: dict[str, dict] = {}
        for folder in folders:
            for row in read_index(folder):
                path = Path(folder) / "shards" / row["name"]
                if not path.is_file():
                    raise ShardError(f"{path} is missing but listed in index.json; prepare {folder} again")
                if path.stat().st_size != row["bytes"]:
                    raise ShardError(_damaged(path))
                self._rows[str(path)] = row

    @property
    def urls(self) -> list[str]:
        """Paths of the shards."""
        return list(self._rows)

    def check(self, url: str) -> None:
        """Compare every byte of a shard.

        Raises:
            ShardError: They are not those that were written.
        """
        if not matches_index(Path(url), self._rows[url]):
            raise ShardError(_damaged(Path(url)))

    def samples(self, url: str) -> Iterator[dict]:
        """Samples of a shard, as bytes, after a :meth:`check`, which takes a hundredth of what decoding them does."""
        self.check(url)
        yield from wds.tarfile_to_samples()([{"url": url}])

    def __call__(self, opened: Iterable[dict]) -> Iterator[dict]:
        """Samples of a stream of ``{"url": path}``."""
        for shard in opened:
            yield from self.samples(shard["url"])


def verified_shards(folder: str | Path) -> list[str]:
    """Paths of the shards of ``folder``, every byte of each compared with the index now.

    Raises:
        ShardError: A shard is missing or its bytes are not those that were written.
    """
    shards = Shards([folder])
    for url in shards.urls:
        shards.check(url)
    return shards.urls


def _damaged(path: Path) -> str:
    folder = path.parent.parent
    return f"{path} is damaged: its bytes differ from index.json; remove {path.parent} and prepare {folder} again"


def matches_index(path: Path, row: dict) -> bool:
    """True if a shard's bytes are those of its row of the index."""
    return path.stat().st_size == row["bytes"] and _sha256(path) == row["sha256"]


def open_sample(sample: dict) -> OpenClip:
    """A sample's bytes to an :class:`OpenClip`."""
    audio = decode_flac(sample["flac"])
    frames = Frames(sample["mp4"], len(audio) // clock.SAMPLES_PER_FRAME)
    return OpenClip(sample["__key__"], frames, audio, json.loads(sample["json"]))


def decode_sample(sample: dict) -> Clip:
    """A sample's bytes to a :class:`Clip`."""
    return Clip(
        key=sample["__key__"],
        frames=decode_frames(sample["mp4"]),
        audio=decode_flac(sample["flac"]),
        meta=json.loads(sample["json"]),
    )


def decode_frames(data: bytes, which: np.ndarray | None = None) -> np.ndarray:
    """Frames (T, H, W, 3) uint8 RGB of an MP4 that avsync wrote: all, or those of some numbers in rising order.

    decord is no longer maintained and misreads files from elsewhere; on ours it is right and the fastest. It stays
    behind this one function so that PyAV can take its place.
    """
    import decord

    reader = decord.VideoReader(io.BytesIO(data), num_threads=1)
    return reader.get_batch(range(len(reader)) if which is None else which.tolist()).asnumpy()


def read_clips(folder: str | Path) -> Iterator[Clip]:
    """Every clip of ``folder`` once, in the order it was written."""
    shards = Shards([folder])
    for url in shards.urls:
        yield from map(decode_sample, shards.samples(url))


def open_clips(folders: Iterable[str | Path]) -> Iterator[OpenClip]:
    """Every clip of some folders once, in the order it was written."""
    shards = Shards(folders)
    for url in shards.urls:
        yield from map(open_sample, shards.samples(url))
