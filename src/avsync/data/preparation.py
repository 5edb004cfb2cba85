"""From footage to shards: every source through its stages, then all clips into tars, and an account of it all.

    sources ─► OUT/work/<stage>/<key>.*     one file in, one file out; see avsync.data.stages
                        .../summary.json     of a run that was told to stop after this stage
            ─► OUT/shards/*.tar, index.json  clips in the order of their keys, whatever order they were made in
            ─► OUT/summary.json              every source and second accounted for; written last: all is done
            ─► OUT/failures.csv              what gave no clip, and why

Nothing else is removed or replaced: a folder in which other things have these names is refused.
Each file is written whole or not at all and is not made again, so a killed run goes on where it was, and the shards
are the same bytes however often it was killed, on however many workers.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from avsync.data.clips import Settings
from avsync.data.correct import samples
from avsync.data.engine import Crash, run_all
from avsync.data.job import STAGES, Check, Job, Row, failed
from avsync.data.shards import ShardError, Shards, require_unread, write_shards
from avsync.data.sources import Source, unique
from avsync.data.stages import passing, prepare_source
from avsync.errors import AvsyncError
from avsync.media.atomic import alone, whole_file

_PARTIAL = (".shards.*", ".summary.*", ".failures.*")
"""What a killed run leaves half written."""

_OURS = re.compile(r"summary\.json|index\.json|[0-9]{6}\.tar|.+-([0-9a-f]{6}){1,2}\.(json|tar)")
_NOBODYS = re.compile(r"\..*|@.*|desktop\.ini|Thumbs\.db", re.IGNORECASE)
"""Names in the folders that preparation replaces and removes: its own, and what systems leave anywhere."""

_INNER = ("fingerprint", "dropped", "interval")


def prepare(  # noqa: PLR0913  each an argument of data_prep/prepare.py
    sources: Iterable[Source],
    out: str | Path,
    settings: Settings | None = None,
    *,
    until: str = "shards",
    check: Check | None = None,
    max_offset: int = 5,
    workers: int | None = None,
    engine: str = "joblib",
    keep: bool = False,
    progress: bool = True,
) -> Path:
    """Prepare footage into ``out``; does nothing when that is done already, and waits while another process does it.

    Args:
        sources: What a recipe lists; the files are only read.
        out: Folder that gets ``shards``, ``summary.json`` and ``failures.csv``.
        settings: How clips are cut.
        until: Last stage to run: ``probe``, ``clips``, ``sync`` or ``shards``.
        check: Keeps only clips found in sync, and moves the sound of those that are out by a few frames.
        max_offset: So many.
        workers: Processes; None takes every core.
        engine: ``joblib`` for this machine, ``ray`` for a cluster.
        keep: Keep the stages' files, as much again as the shards, so that more sources can be added later.
        progress: Show a bar on stderr.

    Returns:
        ``out``.

    Raises:
        AvsyncError: There is no source, an argument is unknown, ``out`` holds other things by the names of ours, or a
            training is reading its shards. A source that fails is a row of failures.csv.
        RoomError: There is no room left.
    """
    if until not in STAGES:
        raise AvsyncError(f"stage={until} is not known; expected one of {', '.join(STAGES)}")
    if max_offset < 0 or (workers is not None and workers < 1):
        raise AvsyncError(f"max_offset={max_offset} and workers={workers}: expected 0 or more, and 1 or more")
    out, settings = Path(out), settings or Settings()
    if check is not None and settings.crop != "face":
        raise AvsyncError(f"check= looks at faces, and crop={settings.crop} has none; leave one of them out")
    jobs = [Job(source, out / "work", settings, until, check, max_offset) for source in unique(sources)]
    if not jobs:
        raise AvsyncError("there is no source to prepare; give a folder of videos")
    state = _state(jobs)
    with passing(out):
        out.mkdir(parents=True, exist_ok=True)
        with alone(out):
            if not _is_done(account(out, until), until, state):
                _require_ours(out)
                _make(jobs, out, state, (engine, workers or os.cpu_count() or 1, progress))
            if until == "shards" and not keep:
                _remove_work(out / "work")
    return out


def account(out: Path, until: str) -> Path:
    """Where it is told what became of the sources when ``until`` was the last stage to run."""
    return out / "summary.json" if until == "shards" else out / "work" / until / "summary.json"


def _require_ours(out: Path) -> None:
    """Before anything is removed or replaced.

    Raises:
        AvsyncError: Something there is not of a preparation.
    """
    summary = out / "summary.json"
    folders = [out / "shards", *(out / "work" / stage for stage in STAGES)]
    foreign = next(filter(_is_foreign, folders), None)
    if foreign is None and summary.exists() and "state" not in _read(summary):
        foreign = summary
    if foreign is not None:
        raise AvsyncError(
            f"{foreign} is not of a preparation, which would replace it; give another out=, or move it away"
        )


def _is_foreign(folder: Path) -> bool:
    """True of what is no folder, or holds other files than a preparation's."""
    if not folder.is_dir():
        return folder.exists()
    names = (file.name for file in folder.iterdir())
    return not all(_OURS.fullmatch(name) or _NOBODYS.fullmatch(name) for name in names)


def _read(path: Path) -> dict[str, Any]:
    """An object in a file; empty if there is none."""
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _make(jobs: list[Job], out: Path, state: str, how: tuple[str, int, bool]) -> None:
    if jobs[0].until == "shards":
        require_unread(out)
    (out / "work").mkdir(exist_ok=True)
    for stray in (stray for pattern in _PARTIAL for stray in out.glob(pattern)):
        shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
    rows = sorted(_run(jobs, *how), key=lambda row: row["key"])
    if jobs[0].until == "shards":
        (out / "summary.json").unlink(missing_ok=True)  # it must not say "done" of other shards
        _write_failures(rows, out)
        write_shards(_samples(rows, jobs[0]), out, jobs[0].settings.clips_per_shard)
    _write_summary(rows, account(out, jobs[0].until), state)


def _remove_work(work: Path) -> None:
    """A worker whose run was killed may still be writing there: what it leaves is swept up next time."""
    for folder in (work / stage for stage in STAGES):
        if not _is_foreign(folder):
            shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        work.rmdir()


def _state(jobs: list[Job]) -> str:
    told = [jobs[0].until, *(job.fingerprint() for job in jobs)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _is_done(summary: Path, until: str, state: str) -> bool:
    told = _read(summary)
    if told.get("state") != state:
        return False
    if until == "shards" and told["clips"]:
        try:
            Shards([summary.parent])
        except ShardError:  # one is missing or cut
            return False
    return True


def _run(jobs: list[Job], engine: str, workers: int, progress: bool) -> Iterator[Row]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    by_key = {job.key: job for job in jobs}
    bytes_of = {job.key: os.path.getsize(job.source.path) if os.path.isfile(job.source.path) else 0 for job in jobs}
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(f"preparing 0 of {len(jobs)}", total=sum(bytes_of.values()) or 1)
        for done, (key, row) in enumerate(run_all(prepare_source, by_key, workers=workers, engine=engine), 1):
            yield failed(by_key[key], f"{by_key[key].source.path}: {row}") if isinstance(row, Crash) else row
            bar.update(task, advance=bytes_of[key], description=f"preparing {done} of {len(jobs)}")


def _samples(rows: list[Row], job: Job) -> Iterator[dict[str, Any]]:
    last = "clips" if job.check is None else "sync"  # an earlier run with a check may have left its files
    for row in rows:
        if row["clips"]:
            yield from samples(job.work / last / f"{row['key']}.tar")


def _write_failures(rows: list[Row], out: Path) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, ["source", "state", "reason"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(row for row in rows if row["state"] in ("failed", "dropped"))
    with whole_file(out / "failures.csv") as partial:
        partial.write_text(table.getvalue(), encoding="utf-8", errors="surrogateescape")


def _write_summary(rows: list[Row], path: Path, state: str) -> None:
    dropped: Counter[str] = Counter()
    for row in rows:
        dropped.update(row["seconds_dropped"])
    summary = {
        "state": state,
        "sources": len(rows),
        **{name: sum(row["state"] == name for row in rows) for name in ("kept", "dropped", "failed")},
        "clips": sum(row["clips"] for row in rows),
        "seconds_in": round(sum(row["seconds_in"] for row in rows), 3),
        "seconds_kept": round(sum(row["seconds_kept"] for row in rows), 3),
        "seconds_dropped": {reason: round(seconds, 3) for reason, seconds in sorted(dropped.items())},
        "rows": [{name: value for name, value in row.items() if name not in _INNER} for row in rows],
    }
    path.parent.mkdir(exist_ok=True)
    with whole_file(path) as partial:
        partial.write_text(json.dumps(summary, indent=1) + "\n")
