"""Data sets that are lists of intervals of YouTube videos, whose files everybody downloads and names for themselves."""

from __future__ import annotations

from pathlib import Path

from avsync.data.sources import videos


def index(root: Path) -> dict[str, Path]:
    """Every video below ``root`` by its name without suffix; of several the first one in order."""
    return {path.stem: path for path in reversed(videos(root))}


def locate(
    files: dict[str, Path], root: Path, cut: tuple[str, ...], whole: str, interval: tuple[float, float]
) -> tuple[Path, float, float | None]:
    """The file of an interval, and the interval within that file.

    Args:
        files: From ``index``.
        root: Where a file that is missing is said to be missing.
        cut: Names under which the interval alone may be stored, the likeliest first.
        whole: Name of the whole video.
        interval: Start and end in the whole video, seconds.

    Returns:
        Path, start and end: all of a file that was cut (0 and None), the interval of a whole video.
    """
    for name in cut:
        if name in files:
            return files[name], 0.0, None
    if whole in files:
        return files[whole], *interval
    return root / f"{cut[0]}.mp4", 0.0, None
