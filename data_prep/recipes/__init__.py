"""One module a data set: where it comes from, its licence, its layout, and ``sources(root)`` that reads it.

A recipe only lists. It opens lists and labels but no video, yields in a fixed order, and yields what a list names
even when the file is missing, so that preparation can account for it. A folder that is not the data set is an
AvsyncError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from avsync.data.sources import Source
from avsync.errors import AvsyncError

from . import audioset, folder, grid, lrs2, lrs3, vggsound, voxceleb2

Recipe = Callable[[Path], Iterator[Source]]

RECIPES: dict[str, Recipe] = {
    "folder": folder.sources,
    "grid": grid.sources,
    "lrs2": lrs2.sources,
    "lrs3": lrs3.sources,
    "voxceleb2": voxceleb2.sources,
    "vggsound": vggsound.sources,
    "audioset": audioset.sources,
}


def find(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        AvsyncError: There is none; the message lists those there are.
    """
    if name not in RECIPES:
        raise AvsyncError(f"recipe={name} is not known; expected one of {', '.join(RECIPES)}")
    return RECIPES[name]
