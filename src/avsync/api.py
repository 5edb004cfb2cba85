"""The verbs as functions: what ``avsync offset FILE`` prints, ``avsync.offset(file)`` returns.

Imported on first use, since torch takes seconds.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from avsync import clock
from avsync.alignment.measure import FileResult, measure
from avsync.evaluation.runs import default_checkpoint
from avsync.models.shipped import Loaded, load


def checkpoint_of(name: str | Path | None = None) -> Loaded:
    """The network that measures: the one named, else the newest run's, else the one that ships.

    Raises:
        CheckpointError: See :func:`avsync.load`.
    """
    return _loaded(str(name or default_checkpoint()))


@cache
def _loaded(name: str) -> Loaded:
    """Files by the hundred are measured with one network."""
    return load(name)


def offset(
    path: str | Path, checkpoint: str | Path | None = None, *, search: float = 1.0, **settings: Any
) -> FileResult:
    """How far the sound of a video is from its picture.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        search: Largest offset to look for, in seconds either way; 30 are searched as well as 1, and what is found there
            has to be surer.
        settings: ``crop``, ``min_chance``, ``progress``, ``seen`` of :func:`avsync.alignment.measure.measure`.

    Returns:
        An answer for the file and for each of its tracks.

    Raises:
        AvsyncError: As there.
    """
    loaded = checkpoint_of(checkpoint)
    return measure(path, loaded.net, loaded.calibration, search=max(1, clock.frames(search)), **settings)
