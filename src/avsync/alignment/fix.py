"""Correcting a file: what was measured, undone in a copy of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from avsync import clock
from avsync.alignment.drift import Drift, follow
from avsync.alignment.embedded import embed_pieces, moved
from avsync.alignment.pieces import require_window
from avsync.errors import MediaError
from avsync.media.atomic import require_folder, whole_file
from avsync.media.copies import Progress, require_container
from avsync.media.hidden import hidden_pictures
from avsync.media.placement import Stretch
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.remux import require_timestamps, shift_audio
from avsync.media.rewrite import rewrite_audio
from avsync.models.syncnet import SyncNet

HALF_FRAME = clock.seconds(0.5)
"""Seconds: what is out by no more is in sync, and left as it is. So a file that was fixed is not moved again."""


_TRIES = 2

_FOLLOWED = 0.7
"""Share of the work that is done when the faces were followed; measuring and writing share the rest."""

_BLOCK = 2**24
"""Bytes that are copied at a time."""

Item = TypeVar("Item")

Measured = Callable[[str | Path, Progress], Drift]
"""Measures a file."""


@dataclass(frozen=True)
class Fixed:
    """What became of a file.

    Attributes:
        file: As given.
        out: The corrected file; not there when ``action`` is ``nothing``.
        action: ``shifted`` (by timestamps), ``rewritten`` (in its samples), ``copied`` (it is in sync) or ``nothing``.
        why: Of ``nothing``, in words.
        stretches: By how much the sound was early, and from when on.
        found: The measurement; None when the offset was given.
        codecs: Of a rewritten file's audio streams: what each was and is.
        left_out: Streams that the container of ``out`` cannot hold, and sound that cannot be read, in words.
    """

    file: str
    out: str
    action: str
    why: str
    stretches: list[Stretch]
    found: Drift | None = None
    codecs: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def fix(  # noqa: PLR0913 - two files and how to measure and write, all but four by keyword
    source: str | Path,
    target: str | Path,
    net: SyncNet | None,
    calibration: dict[str, Any] | None = None,
    *,
    offset: float | None = None,
    rewrite: bool = False,
    force: bool = False,
    **settings: Any,
) -> Fixed:
    """Write a copy of a file with its sound where it belongs.

    A constant offset is undone by timestamps, every stream copied as it is; steps and a linear drift in the samples.
    A file that is in sync within half a frame is copied byte by byte. What is undecided, or irregular, is not written,
    nor what is not in sync when it is measured again: its pictures, which did not change, are not looked at twice.

    Args:
        source: A video with a face and sound; never touched.
        target: The file to write, whole or not at all; its suffix chooses the container.
        net: See :func:`~avsync.alignment.drift.drift`; None where ``offset`` is given.
        calibration: The same.
        offset: Seconds by which the sound is early, instead of measuring it.
        rewrite: Move the sound in its samples even where timestamps could do it.
        force: Replace ``target`` if it is there.
        settings: Of :func:`~avsync.alignment.drift.drift`; ``progress`` is told of writing and measuring again as well.

    Raises:
        MediaError: The file cannot be used, ``target`` is ``source`` or is there already, or cannot be written.
        NoFaceError: There is nothing to measure.
    """
    free_target(source, target, force)
    # of the same kind a copy may be all there is to do
    if Path(source).suffix.lower() != Path(target).suffix.lower():
        hidden_pictures(source, target)
        if not rewrite:
            require_timestamps(target)
    progress, crop = settings.pop("progress", None) or _nobody, settings.pop("crop", "face")
    if offset is not None:
        require_picture_and_sound(probe(source))
        return write(source, target, [Stretch(0.0, offset)], rewrite=rewrite, progress=progress)
    assert net is not None
    require_window(source)
    faces = list(embed_pieces(source, net, crop, _part(progress, 0.0, _FOLLOWED), shots=True))

    def measured(path: str | Path, progress: Progress) -> Drift:
        seen = _counted(moved(faces, source, path), len(faces), progress)
        return follow(path, seen, net, calibration, **settings)

    return correct(source, target, measured, rewrite=rewrite, progress=_part(progress, _FOLLOWED, 1.0))


def _nobody(share: float) -> None:
    """Is told nothing."""


def _part(progress: Progress, begin: float, end: float) -> Progress:
    """Told of a part of the work, tells of the whole."""
    return lambda share: progress(begin + (end - begin) * share)


def _counted(items: Iterator[Item], count: int, progress: Progress) -> Iterator[Item]:
    for number, item in enumerate(items):
        progress(number / count)
        yield item


def correct(
    source: str | Path,
    target: str | Path,
    measured: Measured,
    *,
    rewrite: bool = False,
    progress: Progress = _nobody,
) -> Fixed:
    """Measure, write, measure what was written, and only then give it its name.

    Args:
        source: As for :func:`fix`.
        target: The same.
        measured: What measures the source and copies of it.
        rewrite: As for :func:`fix`.
        progress: Called with the share that is done, 0...1.
    """
    count = 1 + 2 * _TRIES
    steps = (_part(progress, step / count, (step + 1) / count) for step in range(count))
    found = measured(source, next(steps))
    if why := found.why or _beyond(found):
        return Fixed(str(source), str(target), "nothing", why, [], found)
    moves = tried = stretches(found)
    for _ in range(_TRIES):
        if moves is not tried and _still(moves, probe(source).duration):
            break  # a copy would be what was measured first
        why, tried = "", moves
        with suppress(_StillOut), whole_file(target) as temporary:
            done = _written(source, temporary, target, moves, rewrite=rewrite, found=found, progress=next(steps))
            if done.action != "copied":
                left = measured(temporary, next(steps))
                why = left.why or _beyond(left) or _out(left, probe(temporary).duration)
                if why:
                    raise _StillOut
        if not why:
            return replace(done, file=str(source), out=str(target))
        if not left.kind == found.kind == "constant":
            break
        moves = [replace(moves[0], offset=moves[0].offset + left.offset)]
    why = f"with its sound moved by {1000 * tried[0].offset:+.0f} ms it is not in sync either: {why}"
    return Fixed(str(source), str(target), "nothing", why, [], found)


def _written(source: str | Path, temporary: Path, target: str | Path, moves: list[Stretch], **how: Any) -> Fixed:
    try:
        return write(source, temporary, moves, **how)
    except MediaError as error:  # people know the name that they gave
        raise MediaError(str(error).replace(str(temporary), str(target))) from error


class _StillOut(Exception):
    """What was written is not in sync and must not get its name."""


def _beyond(found: Drift) -> str:
    return "the offset changes and no line or step at a cut explains it" if found.kind == "irregular" else ""


def _out(found: Drift, duration: float) -> str:
    return "" if _still(stretches(found), duration) else f"{found.kind}, {clock.describe(found.offset)}"


def stretches(found: Drift) -> list[Stretch]:
    """What was measured, as what is undone."""
    if found.kind == "linear":
        return [Stretch(0.0, float(found.model.at(np.zeros(1))[0]), found.model.slope)]
    return [Stretch(time, offset) for time, offset in found.steps]


def write(
    source: str | Path,
    target: str | Path,
    moves: Sequence[Stretch],
    *,
    rewrite: bool = False,
    found: Drift | None = None,
    progress: Progress = _nobody,
) -> Fixed:
    """Undo ``moves``: by timestamps if they can and may, else in the samples; a copy where there is nothing to undo."""
    done = Fixed(str(source), str(target), "copied", "", list(moves), found)
    info = probe(source)
    assert info.video is not None and info.audio is not None
    together = abs(info.audio.start - info.video.start) <= HALF_FRAME
    asked = found is None and any(move.offset or move.slope for move in moves)  # however little
    if not asked and _still(moves, info.duration) and (together or not rewrite):
        if Path(source).suffix.lower() == Path(target).suffix.lower():
            with whole_file(target) as temporary:
                _copied(source, temporary, target, progress)
            return done
        return replace(done, left_out=shift_audio(source, target, 0.0, progress))
    if rewrite or len(moves) > 1 or moves[0].slope:
        new = rewrite_audio(source, target, moves, progress)
        return replace(done, action="rewritten", codecs=new.codecs, left_out=new.left_out)
    return replace(done, action="shifted", left_out=shift_audio(source, target, moves[0].offset, progress))


def _still(moves: Sequence[Stretch], duration: float) -> bool:
    """Whether the sound is out by half a frame at most, everywhere."""
    ends = [*(later.start for later in moves[1:]), duration]
    worst = max(
        max(abs(move.offset), abs(move.offset + move.slope * (end - move.start)))
        for move, end in zip(moves, ends, strict=True)
    )
    return worst <= HALF_FRAME


def _copied(source: str | Path, temporary: Path, target: str | Path, progress: Progress) -> None:
    size, done = os.path.getsize(source), 0
    try:
        with Path(source).open("rb") as given, temporary.open("wb") as written:
            while block := given.read(_BLOCK):
                done += written.write(block)
                progress(min(1.0, done / size))
    except OSError as error:
        raise MediaError(f"{target}: cannot be written ({error.strerror}); make room there or give another") from error


def free_target(source: str | Path, target: str | Path, force: bool) -> None:
    """Refuse to write over the input, however it is named, and over anything else that was not meant.

    Raises:
        MediaError: See above.
    """
    if os.path.lexists(target):
        if Path(target).exists() and Path(source).exists() and os.path.samefile(source, target):
            raise MediaError(f"{target}: is the input itself, which is never touched; give another name")
        if Path(target).is_dir():
            raise MediaError(f"{target}: is a folder; give the name of the file to write")
        if not force:
            raise MediaError(f"{target}: is there already; give another name, or --force to replace it")
    require_folder(target)
    require_container(target)
