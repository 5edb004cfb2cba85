"""The verbs as functions: what ``avsync offset FILE`` prints, ``avsync.offset(file)`` returns.

Imported on first use, since torch takes seconds.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from avsync.alignment.measure import FileResult, measure
from avsync.alignment.speakers import Speakers
from avsync.alignment.speakers import speakers as tell_speakers
from avsync.evaluation.runs import default_checkpoint
from avsync.evaluation.score import Score, score_file
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


def offset(path: str | Path, checkpoint: str | Path | None = None, **settings: Any) -> FileResult:
    """How far the sound of a video is from its picture.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        settings: ``crop``, ``search``, ``min_chance``, ``progress`` of :func:`avsync.alignment.measure.measure`.

    Returns:
        An answer for the file and for each of its tracks.

    Raises:
        AvsyncError: As there.
    """
    loaded = checkpoint_of(checkpoint)
    return measure(path, loaded.net, loaded.calibration, **settings)


def speakers(path: str | Path, checkpoint: str | Path | None = None, **settings: Any) -> Speakers:
    """Which of the faces in a video the voice belongs to, when, and when to none of them.

    Args:
        path: A video with faces and sound.
        checkpoint: See :func:`checkpoint_of`.
        settings: ``search``, ``offset``, ``progress`` of :func:`avsync.alignment.speakers.speakers`.

    Raises:
        AvsyncError: As there.
    """
    return tell_speakers(path, checkpoint_of(checkpoint).net, **settings)


def score(
    path: str | Path, checkpoint: str | Path | None = None, lse: str | Path | None = None, **settings: Any
) -> Score:
    """How good the synchronization of a video is.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        lse: SyncNet's released network as ``avsync import`` made it, for LSE-C and LSE-D; needless where
            ``checkpoint`` is that.
        settings: ``crop``, ``segment``, ``min_chance``, ``progress`` of :func:`avsync.evaluation.score.score_file`.

    Raises:
        AvsyncError: As there.
    """
    loaded = checkpoint_of(checkpoint)
    released = None if lse is None else checkpoint_of(lse)
    named = None if released is None else (released.net, released.name)
    return score_file(path, loaded.net, loaded.calibration, network=loaded.name, lse=named, **settings)
