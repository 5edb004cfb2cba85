"""The verbs as functions: what ``avsync offset FILE`` prints, ``avsync.offset(file)`` returns.

Their settings are the options of the verbs, times in seconds. Imported on first use, since torch takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from avsync import clock
from avsync.alignment import drift as drifting
from avsync.alignment import fix as fixing
from avsync.alignment import live
from avsync.alignment.chance import MIN_CHANCE, SURE
from avsync.alignment.drift import Drift
from avsync.alignment.fix import Fixed
from avsync.alignment.live import Reading
from avsync.alignment.measure import FileResult, measure
from avsync.alignment.speakers import Speakers
from avsync.alignment.speakers import speakers as tell_speakers
from avsync.evaluation.file_page import Report, write_file_page
from avsync.evaluation.score import Score, score_file
from avsync.models.shipped import Measurer, default_checkpoint, load_measurer

Crop = Literal["face", "none"]
"""``face`` finds, follows and crops faces; ``none`` takes the picture as a face crop."""

Progress = Callable[[float], None]
"""Called with the share of the work that is done, 0...1."""


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
    path: str | Path,
    checkpoint: str | Path | None = None,
    *,
    crop: Crop = "face",
    search: float = 1.0,
    min_chance: float = MIN_CHANCE,
    progress: Progress | None = None,
) -> FileResult:
    """How far the sound of a video is from its picture.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        crop: See :data:`Crop`.
        search: Largest offset to look for, in seconds either way; 30 are searched as well as 1, and what is found there
            has to be surer.
        min_chance: Answers less likely right within a frame, 0...1, are undecided.
        progress: See :data:`Progress`.

    Returns:
        An answer for the file and for each of its tracks.

    Raises:
        AvsyncError: As :func:`avsync.alignment.measure.measure`.
    """
    loaded = checkpoint_of(checkpoint)
    return measure(
        path, loaded.net, loaded.calibration, crop=crop, search=_reach(search), min_chance=min_chance, progress=progress
    )  # fmt: skip


def report(
    path: str | Path,
    checkpoint: str | Path | None = None,
    *,
    page: str | Path | None = None,
    link: bool = False,
    crop: Crop = "face",
    search: float = 1.0,
    min_chance: float = MIN_CHANCE,
    progress: Progress | None = None,
) -> Report:
    """Measure a video and write a page that shows it beside its measurement.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        page: The page, or an existing folder for it; None for FILE.html in this folder.
        link: Name the video by its path instead of putting a copy into the page.
        crop: See :data:`Crop`.
        search: As for :func:`offset`.
        min_chance: The same.
        progress: See :data:`Progress`.

    Raises:
        AvsyncError: As :func:`avsync.evaluation.file_page.write_file_page`.
    """
    return write_file_page(
        path, checkpoint_of(checkpoint), page, link=link, crop=crop, search=_reach(search), min_chance=min_chance,
        progress=progress,
    )  # fmt: skip


def watch(
    source: str,
    checkpoint: str | Path | None = None,
    *,
    crop: Crop = "face",
    window: float = 10.0,
    every: float = 1.0,
    search: float = 1.0,
    min_chance: float = MIN_CHANCE,
    patience: float = 30.0,
) -> Iterator[Reading]:
    """The running offset of a live source, until it ends.

    Args:
        source: ``-`` for standard input, the path of a pipe, or a URL.
        checkpoint: See :func:`checkpoint_of`.
        crop: See :data:`Crop`.
        window: Seconds that an answer is made of.
        every: Seconds of picture from one answer to the next.
        search: As for :func:`offset`; late sound is found up to two thirds of ``window``.
        min_chance: The same.
        patience: Seconds after which a URL from which nothing comes is given up.

    Yields:
        A reading every so many seconds of picture.

    Raises:
        AvsyncError: The source cannot be opened, lacks picture or sound, or broke off.
    """
    loaded = checkpoint_of(checkpoint)
    how = live.Watching(crop, window, every, _reach(search), min_chance, patience)
    return live.watch(source, loaded.net, loaded.calibration, how)


def drift(
    path: str | Path,
    checkpoint: str | Path | None = None,
    *,
    crop: Crop = "face",
    search: float = 1.0,
    min_chance: float = MIN_CHANCE,
    min_confidence: float = 0.0,
    progress: Progress | None = None,
) -> Drift:
    """The offset of a video as a function of time, and the simplest model that explains it.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        crop: See :data:`Crop`.
        search: Seconds to either side of the offset that was last found.
        min_chance: As for :func:`offset`.
        min_confidence: Answers of less confidence, in the network's units, are undecided as well.
        progress: See :data:`Progress`.

    Raises:
        AvsyncError: As :func:`avsync.alignment.drift.drift`.
    """
    loaded = checkpoint_of(checkpoint)
    return drifting.drift(
        path, loaded.net, loaded.calibration, crop=crop, search=_reach(search), min_chance=min_chance,
        min_confidence=min_confidence, progress=progress,
    )  # fmt: skip


def fix(  # noqa: PLR0913  the options of the verb
    path: str | Path,
    out: str | Path,
    checkpoint: str | Path | None = None,
    *,
    offset: float | None = None,
    rewrite: bool = False,
    force: bool = False,
    crop: Crop = "face",
    search: float = 1.0,
    min_chance: float = MIN_CHANCE,
    min_confidence: float = 0.0,
    progress: Progress | None = None,
) -> Fixed:
    """Write a copy of a video with its sound where it belongs; the video itself is never touched.

    Args:
        path: A video with a face and sound.
        out: The file to write, whole or not at all.
        checkpoint: See :func:`checkpoint_of`.
        offset: Seconds by which the sound is early; nothing is measured then.
        rewrite: Move the sound in its samples even where timestamps could do it.
        force: Replace ``out`` if it is there.
        crop: See :data:`Crop`.
        search: As for :func:`drift`.
        min_chance: The same.
        min_confidence: The same.
        progress: See :data:`Progress`.

    Returns:
        What was done; nothing, with the reason, where the measurement is undecided.

    Raises:
        AvsyncError: As :func:`avsync.alignment.fix.fix`.
    """
    if offset is not None:
        return fixing.fix(path, out, None, offset=offset, rewrite=rewrite, force=force, progress=progress)
    fixing.free_target(path, out, force)  # before torch takes its seconds
    loaded = checkpoint_of(checkpoint)
    return fixing.fix(
        path, out, loaded.net, loaded.calibration, rewrite=rewrite, force=force, crop=crop, search=_reach(search),
        min_chance=min_chance, min_confidence=min_confidence, progress=progress,
    )  # fmt: skip


def speakers(
    path: str | Path,
    checkpoint: str | Path | None = None,
    *,
    crop: Crop = "face",
    search: float = 0.6,
    offset: float | None = None,
    min_chance: float = SURE,
    progress: Progress | None = None,
) -> Speakers:
    """Which of the faces in a video the voice belongs to, when, and when to none of them.

    :func:`avsync.alignment.rttm.rttm` tells the result as RTTM, and
    :func:`avsync.alignment.speaker_video.draw_speakers` draws it.

    Args:
        path: A video with faces and sound.
        checkpoint: See :func:`checkpoint_of`.
        crop: See :data:`Crop`.
        search: Seconds to either side within which the offset is looked for.
        offset: Seconds by which the sound is early, if known, beyond ``search`` as well.
        min_chance: Where it is less likely, 0...1, that the voice ever is that of a face, it is nobody's.
        progress: See :data:`Progress`.

    Raises:
        AvsyncError: As :func:`avsync.alignment.speakers.speakers`.
    """
    return tell_speakers(
        path, checkpoint_of(checkpoint).net, crop=crop, search=_reach(search), offset=offset, min_chance=min_chance,
        progress=progress,
    )  # fmt: skip


def score(
    path: str | Path,
    checkpoint: str | Path | None = None,
    lse: str | Path | None = None,
    *,
    crop: Crop = "face",
    segment: float = 1.0,
    min_chance: float = MIN_CHANCE,
    progress: Progress | None = None,
) -> Score:
    """How good the synchronization of a video is.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        lse: SyncNet's released network as ``avsync import`` made it, for LSE-C and LSE-D; needless where
            ``checkpoint`` is that.
        crop: See :data:`Crop`; LSE is exact with ``none``, on crops of the released pipeline.
        segment: Seconds that are scored together.
        min_chance: Segments less likely right, 0...1, are undecided.
        progress: See :data:`Progress`.

    Raises:
        AvsyncError: As :func:`avsync.evaluation.score.score_file`.
    """
    loaded = checkpoint_of(checkpoint)
    released = None if lse is None else checkpoint_of(lse)
    named = None if released is None else (released.net, released.name)
    return score_file(
        path, loaded.net, loaded.calibration, network=loaded.name, lse=named, crop=crop, segment=segment,
        min_chance=min_chance, progress=progress,
    )  # fmt: skip


def _reach(seconds: float) -> int:
    """Frames to either side."""
    return max(1, clock.frames(seconds))
