"""Many drawn videos into a folder: in parallel, only what is not there yet, the same for the same arguments."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from avsync.errors import AvsyncError
from avsync.media.atomic import alone, whole_file
from avsync.synthetic.texts import SPLITS

_SEED_STEP = 1_000_000
_ROOM = Path(__file__).parent
_NOT_DRAWING = ("generate.py", "fixtures.py", "__init__.py")


@dataclass(frozen=True)
class _Sort:
    """What is drawn: its name in the plural, the function that writes one video and gives its truth, its code."""

    name: str
    write: Callable[..., dict[str, Any]]
    shortest: float
    code: tuple[Path, ...]


@dataclass(frozen=True)
class _Job:
    sort: _Sort
    folder: Path
    split: str
    number: int
    seconds: float
    seed: int
    fingerprint: str

    @property
    def key(self) -> str:
        return f"{self.split}-{self.number:05d}"

    @property
    def video(self) -> Path:
        return self.folder / f"{self.key}.mkv"

    @property
    def truth(self) -> Path:
        return self.folder / f"{self.key}.json"


def generate_talkers(  # noqa: PLR0913 - a data set is described in one call, all but the folder by keyword
    out: str | Path,
    *,
    train: int,
    val: int = 0,
    test: int = 0,
    seconds: float = 10.0,
    seed: int = 0,
    workers: int | None = None,
    quiet: bool = False,
) -> Path:
    """Fill ``out/{train,val,test}`` with ``<key>.mkv`` and ``<key>.json`` (the truth).

    What is already there and was drawn with the same arguments by the same code stays; a run that was killed goes on
    where it stopped; videos of earlier calls with more people or other arguments go. The files do not depend on the
    number of workers.

    Args:
        out: Folder; made if missing.
        train: Videos, each of another person, for training.
        val: For validation.
        test: For the test.
        seconds: Length of each.
        seed: Of everything.
        workers: Processes; None takes every core.
        quiet: No progress bar.

    Returns:
        ``out``.

    Raises:
        AvsyncError: espeak-ng is not installed, or an argument makes no sense.
        MediaError: A folder cannot be written to.
    """
    counts = dict(zip(SPLITS, (train, val, test), strict=True))
    return _generate(_TALKERS, Path(out), counts, seconds, seed, (workers, quiet))


def generate_events(  # noqa: PLR0913 - as above
    out: str | Path,
    *,
    train: int,
    val: int = 0,
    test: int = 0,
    seconds: float = 4.0,
    seed: int = 0,
    workers: int | None = None,
    quiet: bool = False,
) -> Path:
    """The same for videos of things that sound when they act, see :mod:`avsync.synthetic.events`.

    The kinds of things take turns: 160 videos show each of 16 kinds ten times, some of them beside another one. Each
    video has other things in another place; arguments, return value and errors are those of :func:`generate_talkers`,
    but for espeak-ng.
    """
    counts = dict(zip(SPLITS, (train, val, test), strict=True))
    return _generate(_EVENTS, Path(out), counts, seconds, seed, (workers, quiet))


def _write_talker(path: Path, **what: Any) -> dict[str, Any]:
    from avsync.synthetic.talker import draw_talker

    return draw_talker(path, **what)


def _write_events(path: Path, **what: Any) -> dict[str, Any]:
    from avsync.synthetic.events.video import draw_events

    return draw_events(path, **what)


_TALKERS = _Sort("talkers", _write_talker, 0.2, tuple(_ROOM.glob("*.py")))
_EVENTS = _Sort("events", _write_events, 1.0, tuple((_ROOM / "events").glob("*.py")))


def _generate(
    sort: _Sort, out: Path, counts: dict[str, int], seconds: float, seed: int, how: tuple[int | None, bool]
) -> Path:
    _check(sort, counts, seconds, seed)
    fingerprint = _fingerprint(sort, seconds, seed)
    jobs = []
    for split, count in counts.items():
        folder = out / split
        folder.mkdir(parents=True, exist_ok=True)
        jobs += [_Job(sort, folder, split, number, seconds, seed, fingerprint) for number in range(count)]
    with alone(out):
        _remove_others(out, jobs)
        missing = [job for job in jobs if not _is_done(job)]
        if missing:
            _draw_all(missing, len(jobs), *how)
    return out


def _check(sort: _Sort, counts: dict[str, int], seconds: float, seed: int) -> None:
    for split, count in counts.items():
        if not 0 <= count < _SEED_STEP:
            raise AvsyncError(f"{count} {split} videos cannot be drawn; a number from 0 to {_SEED_STEP - 1} is needed")
    if not seconds >= sort.shortest:
        raise AvsyncError(f"{sort.name} in {seconds} s have no time to do anything; give at least {sort.shortest} s")
    if seed < 0:
        raise AvsyncError(f"seed {seed} is negative; give 0 or more")


def _draw_all(missing: list[_Job], total: int, workers: int | None, quiet: bool) -> None:
    columns = (TextColumn(f"drawing {missing[0].sort.name}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    parallel = joblib.Parallel(n_jobs=workers or os.cpu_count() or 1, return_as="generator_unordered")
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("", total=total, completed=total - len(missing))
        for _ in parallel(joblib.delayed(_draw)(job) for job in missing):
            progress.advance(task)


def _draw(job: _Job) -> None:
    """One video, then its truth: a truth file says that its video is complete."""
    import cv2

    cv2.setNumThreads(1)  # there is already a process a core
    job.truth.unlink(missing_ok=True)
    truth: dict[str, Any] = {"key": job.key, "fingerprint": job.fingerprint, "seconds": job.seconds}
    seed = job.seed * _SEED_STEP + job.number
    truth |= job.sort.write(job.video, seed=seed, split=job.split, seconds=job.seconds)
    truth["bytes"] = job.video.stat().st_size
    with whole_file(job.truth) as temporary:
        temporary.write_text(json.dumps(truth, ensure_ascii=False), encoding="utf-8")


def _is_done(job: _Job) -> bool:
    try:
        truth = json.loads(job.truth.read_text(encoding="utf-8"))
        return truth["fingerprint"] == job.fingerprint and truth["bytes"] == job.video.stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _fingerprint(sort: _Sort, seconds: float, seed: int) -> str:
    """Of the arguments and of the code that draws: other code draws other pictures."""
    digest = hashlib.sha256(json.dumps([float(seconds), int(seed)]).encode())
    for path in sorted(sort.code):
        if path.name not in _NOT_DRAWING:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _remove_others(out: Path, jobs: list[_Job]) -> None:
    """Remove what earlier calls made here and this one would not, and what a killed one left half written."""
    wanted = {path for job in jobs for path in (job.video, job.truth)}
    for split in SPLITS:
        for pattern in (f"{split}-[0-9]*.m[pk][4v]", f"{split}-[0-9]*.json", f".{split}-[0-9]*"):
            for path in (out / split).glob(pattern):
                if path not in wanted:
                    path.unlink()
