"""The verbs as functions: what ``avsync offset FILE`` prints, ``avsync.offset(file)`` returns.

Imported on first use, since torch takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from avsync import clock
from avsync.alignment import drift as drifting
from avsync.alignment import fix as fixing
from avsync.alignment import live
from avsync.alignment.drift import Drift
from avsync.alignment.fix import Fixed
from avsync.alignment.measure import FileResult, measure
from avsync.alignment.speakers import Speakers
from avsync.alignment.speakers import speakers as tell_speakers
from avsync.evaluation.file_page import Report, write_file_page
from avsync.evaluation.runs import default_checkpoint
from avsync.evaluation.score import Score, score_file
from avsync.models.shipped import Measurer, load_measurer


def checkpoint_of(name: str | Path | None = None) -> Measurer:
    """The network that measures: the one named, else the newest run's, else the one that ships.

    Raises:
        CheckpointError: See :func:`avsync.load`; or its network is of another kind.
    """
    return _loaded(str(name or default_checkpoint()))


@cache
def _loaded(name: str) -> Measurer:
    """Files by the hundred are measured with one network."""
    return load_measurer(name)


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
    return measure(path, loaded.net, loaded.calibration, search=_reach(search), **settings)


def report(path: str | Path, checkpoint: str | Path | None = None, **settings: Any) -> Report:
    """Measure a video and write a page that shows it beside its measurement.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        settings: ``page``, ``link``, ``progress`` of :func:`avsync.evaluation.file_page.write_file_page`, and those of
            :func:`offset`.

    Raises:
        AvsyncError: As there.
    """
    return write_file_page(path, checkpoint_of(checkpoint), **settings)


def watch(source: str, checkpoint: str | Path | None = None, **settings: Any) -> Iterator[live.Reading]:
    """The running offset of a live source, until it ends.

    Args:
        source: ``-`` for standard input, the path of a pipe, or a URL.
        checkpoint: See :func:`checkpoint_of`.
        settings: Of :class:`avsync.alignment.live.Watching`.

    Yields:
        A reading every second of picture.

    Raises:
        AvsyncError: The source cannot be opened, lacks picture or sound, or broke off.
    """
    loaded = checkpoint_of(checkpoint)
    return live.watch(source, loaded.net, loaded.calibration, live.Watching(**settings))


def drift(path: str | Path, checkpoint: str | Path | None = None, *, search: float = 1.0, **settings: Any) -> Drift:
    """The offset of a video as a function of time, and the simplest model that explains it.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        search: Seconds to either side of the offset that was last found.
        settings: ``crop``, ``min_chance``, ``min_confidence``, ``progress`` of :func:`avsync.alignment.drift.drift`.

    Raises:
        AvsyncError: As there.
    """
    loaded = checkpoint_of(checkpoint)
    return drifting.drift(path, loaded.net, loaded.calibration, search=_reach(search), **settings)


def fix(
    path: str | Path,
    out: str | Path,
    checkpoint: str | Path | None = None,
    *,
    offset: float | None = None,
    search: float = 1.0,
    **settings: Any,
) -> Fixed:
    """Write a copy of a video with its sound where it belongs; the video itself is never touched.

    Args:
        path: A video with a face and sound.
        out: The file to write, whole or not at all.
        checkpoint: See :func:`checkpoint_of`.
        offset: Seconds by which the sound is early; nothing is measured then.
        search: As for :func:`drift`.
        settings: ``rewrite``, ``force`` of :func:`avsync.alignment.fix.fix`, and those of :func:`drift`.

    Returns:
        What was done; nothing, with the reason, where the measurement is undecided.

    Raises:
        AvsyncError: As there.
    """
    if offset is not None:
        return fixing.fix(path, out, None, offset=offset, **settings)
    fixing.free_target(path, out, settings.get("force", False))  # before torch takes its seconds
    loaded = checkpoint_of(checkpoint)
    return fixing.fix(path, out, loaded.net, loaded.calibration, search=_reach(search), **settings)


def speakers(
    path: str | Path, checkpoint: str | Path | None = None, *, search: float = 0.6, **settings: Any
) -> Speakers:
    """Which of the faces in a video the voice belongs to, when, and when to none of them.

    Args:
        path: A video with faces and sound.
        checkpoint: See :func:`checkpoint_of`.
        search: Seconds to either side within which the offset is looked for.
        settings: ``offset``, ``progress`` of :func:`avsync.alignment.speakers.speakers`.

    Raises:
        AvsyncError: As there.
    """
    return tell_speakers(path, checkpoint_of(checkpoint).net, search=_reach(search), **settings)


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


def _reach(seconds: float) -> int:
    """Frames to either side."""
    return max(1, clock.frames(seconds))
