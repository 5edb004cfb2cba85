"""The data that comes with avsync: drawn on first use, prepared like any footage, then reused."""

from __future__ import annotations

from pathlib import Path

from avsync.data.clips import Settings
from avsync.data.preparation import prepare
from avsync.data.sources import Source, videos


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
    for split in ("train", "val", "test"):
        prepare(
            [Source(path, path.stem) for path in videos(drawn / split)],
            Path(out) / "prepared" / split,
            Settings(min_seconds=min(2.0, seconds)),
            workers=workers,
        )
    return Path(out) / "prepared"
