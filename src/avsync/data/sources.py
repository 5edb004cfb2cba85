"""What preparation is given: pieces of footage with their names, splits and labels, whoever listed them.

The recipes in ``data_prep/recipes`` read the layouts of known data sets and yield these.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avsync.errors import AvsyncError

SUFFIXES = (
    ".mp4", ".mkv", ".mov", ".webm", ".avi", ".mpg", ".mpeg", ".m4v", ".ts", ".mts", ".m2ts", ".mxf", ".wmv", ".3gp"
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One piece of footage to prepare.

    Attributes:
        path: The file as its owner has it. It may be missing: that is a failed source, not an error of the list.
        name: Unique in its data set, without suffix, ``/`` allowed; keys and rows are named after it.
        split: As the data set calls it (train, val, test, dev, ...); "" when it has none.
        start: Seconds of the file's own clock: where the interval that is meant begins.
        end: Where it ends; None is the end of the file.
        audio: A file with the sound, on the same clock, for when ``path`` itself has none.
        meta: speaker, text, labels, licence, ...: goes into each clip's JSON.

    Raises:
        AvsyncError: The name is empty or the interval is.
    """

    path: Path
    name: str
    split: str = ""
    start: float = 0.0
    end: float | None = None
    audio: Path | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            raise AvsyncError(f"{self.path} has no name as a source; a recipe gives every source one")
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise AvsyncError(f"{self.name}: {self.start} to {self.end} s is no interval; correct the data set's list")


def videos(folder: Path) -> list[Path]:
    """Every video below ``folder``, sorted, also in folders elsewhere that are linked there.

    Hidden files are none (``._x.mp4`` is a by-product of macOS).
    """
    files: list[Path] = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _is_seen(os.path.join(place, name), folder)]
        files += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(path for path in files if path.suffix.lower() in SUFFIXES and os.path.isfile(path))


def _is_seen(link: str, root: Path) -> bool:
    """True of a link to a folder below ``root``, which is looked into by its own name, and to one that it lies in."""
    if not os.path.islink(link):
        return False
    target, top = Path(os.path.realpath(link)), Path(os.path.realpath(root))
    above = Path(os.path.abspath(link)).parents
    return top in (target, *target.parents) or any(os.path.samefile(target, other) for other in above)


def unique(sources: Iterable[Source]) -> Iterator[Source]:
    """The same sources, one by one.

    Raises:
        AvsyncError: Two of them have the same name.
    """
    seen: dict[str, Path] = {}
    for source in sources:
        if source.name in seen:
            raise AvsyncError(f"{source.name} names both {seen[source.name]} and {source.path}; keep one of them")
        seen[source.name] = source.path
        yield source


def wrong_layout(root: Path, expected: str) -> AvsyncError:
    """The error for a folder that is not the data set a recipe was told to read.

    Args:
        root: What was given.
        expected: What the recipe looked for, e.g. ``"GRID: folders s1 ... s34 with .mpg files"``.
    """
    if not root.is_dir():
        return AvsyncError(f"{root} is not a folder; give the folder of {expected}")
    names = sorted(path.name for path in root.iterdir())
    found = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else "nothing"
    return AvsyncError(f"{root} holds {found}; give the folder of {expected}")
