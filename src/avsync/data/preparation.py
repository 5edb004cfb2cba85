"""From a folder of videos to shards: follow the faces of every file, crop them, encode, pack.

    SOURCE/**/*.mp4 ─► OUT/work/<key>.tar, <key>.json    one file in, its clips and what became of it out
                    ─► OUT/shards/*.tar, index.json       clips in the order of their keys, whatever order they came in
                    ─► OUT/summary.json, failures.csv     every source and second accounted for

Each file is written whole or not at all and is not made again, so a killed run goes on where it was.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import webdataset as wds
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from avsync import clock
from avsync.data.shards import write_shards
from avsync.errors import AvsyncError
from avsync.media.atomic import whole_file
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.read import read_audio
from avsync.media.write import encode_flac, encode_video

VERSION = 1
"""Raised whenever the same source would give other clips."""

SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".mpg", ".mpeg", ".m4v", ".ts")


@dataclass(frozen=True)
class Settings:
    """How clips are cut.

    Attributes:
        size: Pixels of the face crop.
        min_seconds: Shorter pieces of a track are dropped.
        max_seconds: Longer tracks are cut into pieces of this length.
    """

    size: int = 96
    min_seconds: float = 2.0
    max_seconds: float = 10.0


def prepare(
    source: str | Path,
    out: str | Path,
    settings: Settings | None = None,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Prepare every video below ``source`` into ``out``; does nothing when that is done already.

    Args:
        source: Folder of videos; read-only for us.
        out: Folder that gets ``shards``, ``summary.json`` and ``failures.csv``.
        settings: How clips are cut.
        workers: Processes; None takes every core.
        progress: Show a bar on stderr.

    Returns:
        ``out``.

    Raises:
        AvsyncError: There is no video below ``source``. A file that fails is a row of failures.csv, not an error.
    """
    source, out, settings = Path(source), Path(out), settings or Settings()
    videos = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not videos:
        raise AvsyncError(f"{source} holds no video ({', '.join(SUFFIXES)}); give a folder of videos")
    state = _fingerprint(videos, source, settings)
    if _done(out, state):
        return out
    work = out / "work"
    if not (work / state).is_file():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        (work / state).touch()
    rows = _prepare_all(videos, source, work, settings, workers or os.cpu_count() or 1, progress)
    write_shards(_samples(rows, work), out)
    _write_tables(rows, out, state)
    shutil.rmtree(work)
    return out


def _fingerprint(videos: list[Path], source: Path, settings: Settings) -> str:
    files = [[str(path.relative_to(source)), path.stat().st_size, path.stat().st_mtime_ns] for path in videos]
    text = json.dumps([VERSION, asdict(settings), files])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _done(out: Path, state: str) -> bool:
    summary = out / "summary.json"
    return summary.is_file() and json.loads(summary.read_text())["state"] == state


def _prepare_all(
    videos: list[Path], source: Path, work: Path, settings: Settings, workers: int, progress: bool
) -> list[dict[str, Any]]:
    jobs = (joblib.delayed(prepare_source)(path, source, work, settings) for path in videos)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    rows = []
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(f"preparing {source.name}", total=len(videos))
        with warnings.catch_warnings():
            # joblib replaces workers that have grown, and tells
            warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
            for row in joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(jobs):
                rows.append(row)
                bar.advance(task)
    return sorted(rows, key=lambda row: row["key"])


def prepare_source(path: Path, root: Path, work: Path, settings: Settings) -> dict[str, Any]:
    """One video to ``work/<key>.tar`` with its clips and ``work/<key>.json`` with what became of it.

    Returns:
        The JSON: ``key``, ``source``, ``state`` (kept, dropped or failed), ``reason``, ``clips``, ``seconds_in`` and
        ``seconds_kept``.
    """
    key = source_key(path.relative_to(root))
    verdict = work / f"{key}.json"
    if verdict.is_file():
        return json.loads(verdict.read_text())
    row: dict[str, Any] = {"key": key, "source": str(path.relative_to(root)), "clips": 0, "seconds_in": 0.0}
    row |= {"seconds_kept": 0.0, "state": "dropped", "reason": "no face followed for long enough"}
    try:
        row["seconds_in"] = round(probe(path).duration, 3)
        with whole_file(work / f"{key}.tar") as partial, wds.TarWriter(str(partial), encoder=False, mtime=0) as tar:
            for sample in _clips(path, key, row["source"], settings):
                tar.write(sample)
                row["clips"] += 1
                row["seconds_kept"] += json.loads(sample["json"])["seconds"]
        if row["clips"]:
            row |= {"state": "kept", "reason": ""}
    except AvsyncError as error:
        row |= {"state": "failed", "reason": str(error), "clips": 0, "seconds_kept": 0.0}
    with whole_file(verdict) as partial:
        partial.write_text(json.dumps(row))
    return row


def source_key(relative: Path) -> str:
    """A name that is unique for a source and safe in a tar, whose keys end at the first dot."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", str(relative.with_suffix("")))
    return f"{name}-{hashlib.sha256(str(relative).encode()).hexdigest()[:6]}"


def _clips(path: Path, key: str, source: str, settings: Settings) -> Iterator[dict]:
    from avsync.faces.follow import follow_faces  # mediapipe: only preparation needs it
    from avsync.faces.geometry import LANDMARKS

    require_picture_and_sound(probe(path))
    audio = read_audio(path)
    faces = follow_faces(path, size=settings.size, min_seconds=settings.min_seconds, max_seconds=settings.max_seconds)
    for number, face in enumerate(faces):
        if len(face.frames) < clock.frames(settings.min_seconds):
            continue
        length = len(face.frames) * clock.SAMPLES_PER_FRAME
        first = clock.frames(face.start) * clock.SAMPLES_PER_FRAME
        sound = np.zeros(length, np.float32)
        heard = audio[first : first + length]
        sound[: len(heard)] = heard
        meta = {
            "source": source,
            "start": round(face.start, 6),
            "seconds": clock.seconds(len(face.frames)),
            "track": face.track,
            "boxes": face.boxes.round(1).tolist(),
            "landmarks": face.landmarks.round(1).tolist(),
            "landmark_names": list(LANDMARKS),
        }
        yield {
            "__key__": f"{key}_{number:03d}",
            "mp4": encode_video(face.frames),
            "flac": encode_flac(sound, clock.SAMPLE_RATE),
            "json": json.dumps(meta).encode(),
        }


def _samples(rows: list[dict[str, Any]], work: Path) -> Iterator[dict]:
    for row in rows:
        if row["clips"]:
            url = {"url": str(work / f"{row['key']}.tar")}
            for sample in wds.tarfile_to_samples()([url]):
                yield {name: value for name, value in sample.items() if name in ("__key__", "mp4", "flac", "json")}


def _write_tables(rows: list[dict[str, Any]], out: Path, state: str) -> None:
    failed = [row for row in rows if row["state"] != "kept"]
    table = io.StringIO()
    writer = csv.DictWriter(table, ["source", "state", "reason"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(failed)
    (out / "failures.csv").write_text(table.getvalue())
    summary = {
        "state": state,
        "sources": len(rows),
        "kept": len(rows) - len(failed),
        "clips": sum(row["clips"] for row in rows),
        "seconds_in": round(sum(row["seconds_in"] for row in rows), 3),
        "seconds_kept": round(sum(row["seconds_kept"] for row in rows), 3),
        "rows": rows,
    }
    with whole_file(out / "summary.json") as partial:  # the last one written: it says that all is done
        partial.write_text(json.dumps(summary, indent=1) + "\n")
