"""The data that comes with avsync: drawn on first use, prepared like any footage, then reused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from avsync.data.clips import Settings
from avsync.data.preparation import prepare
from avsync.data.sources import Source, videos

_TOLD = ("labels", "events", "mask", "things", "silent")


def make_synthetic_talkers(
    out: str | Path,
    *,
    train: int,
    val: int,
    test: int,
    seconds: float,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """Draw talking heads as videos and prepare each split into shards, where that is not done yet.

    Args:
        out: Folder; ``videos/{train,val,test}`` and ``prepared/{train,val,test}`` are made in it.
        train: Videos of the training split, each of another person.
        val: Videos for validation.
        test: Videos for the test.
        seconds: Length of each.
        seed: Of everything drawn.
        workers: Processes; None takes every core.

    Returns:
        The folder with the prepared splits.
    """
    from avsync.synthetic.generate import generate_talkers  # espeak-ng: an extra, only drawing needs it

    drawn = generate_talkers(
        Path(out) / "videos", train=train, val=val, test=test, seconds=seconds, seed=seed, workers=workers
    )
    settings = Settings(min_seconds=min(2.0, seconds))
    return _prepare(drawn, Path(out) / "prepared", settings, workers, lambda path: Source(path, path.stem))


def make_synthetic_events(  # noqa: PLR0913 - as above, and how large
    out: str | Path,
    *,
    train: int,
    val: int,
    test: int,
    seconds: float,
    size: int = 112,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """Draw things that sound when they act and prepare each split in whole-frame mode, where that is not done yet.

    The truth of a video goes into the JSON of its clip; :mod:`avsync.data.events` reads it.

    Args:
        out: Folder; ``videos/{train,val,test}`` and ``prepared/{train,val,test}`` are made in it.
        train: Videos of the training split, each of other things in another place.
        val: Videos for validation.
        test: Videos for the test.
        seconds: Length of each.
        size: Pixels of the shorter side of a clip's frames; the videos have 128.
        seed: Of everything drawn.
        workers: Processes; None takes every core.

    Returns:
        The folder with the prepared splits.
    """
    from avsync.synthetic.generate import generate_events  # OpenCV: only drawing and preparation need it

    drawn = generate_events(
        Path(out) / "videos", train=train, val=val, test=test, seconds=seconds, seed=seed, workers=workers
    )
    settings = Settings(crop="frame", size=size, min_seconds=min(2.0, seconds), max_seconds=max(10.0, seconds))
    return _prepare(drawn, Path(out) / "prepared", settings, workers, _with_truth)


def _with_truth(path: Path) -> Source:
    truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return Source(path, path.stem, split=truth["split"], meta={name: truth[name] for name in _TOLD})


def _prepare(
    drawn: Path, out: Path, settings: Settings, workers: int | None, source_of: Callable[[Path], Source]
) -> Path:
    for split in ("train", "val", "test"):
        prepare([source_of(path) for path in videos(drawn / split)], out / split, settings, workers=workers)
    return out
