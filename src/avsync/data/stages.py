"""What happens to one source, each stage one file in and one file out.

    probe   SOURCE                  ─► work/probe/<key>.json    what it holds, or why it cannot be used
    clips   SOURCE                  ─► work/clips/<key>.tar     its clips, in one pass: shots, faces, crops, sound
    sync    work/clips/<key>.tar    ─► work/sync/<key>.tar      those found in sync, corrected where they were not

The source is decoded once. A JSON beside each tar says what became of every second; it is written last, so a stage
without it was not done, and it knows of which file and settings it tells, so a change of either makes it again.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from avsync import clock
from avsync.data.clips import Settings, Stretch, stretches
from avsync.data.correct import encoded, sync, writer
from avsync.data.job import Job, Row, failed, row_of, told
from avsync.data.sources import Source
from avsync.data.timeline import KEPT, Timeline
from avsync.errors import AvsyncError, MediaError
from avsync.media.atomic import whole_file
from avsync.media.damage import Account
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.read import read_frames
from avsync.media.sound import Sound
from avsync.media.watchdog import watchdog

_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}
"""Errors that room or other settings of the machine put right; memory that runs out is mostly the file's doing."""


class RoomError(AvsyncError):
    """Room or open files ran out: no verdict on any source, and all goes on when that is put right."""


def prepare_source(job: Job) -> Row:
    """Run the stages of one source that are not done yet.

    Returns:
        The row of the last one; a source that cannot be used is a row as well, never an error.

    Raises:
        RoomError: No source is to blame.
    """
    row = _once(job, "probe", _probe)
    if row["state"] == "probed" and job.until != "probe":
        row = _once(job, "clips", _clips)
        if row["state"] == KEPT and job.check is not None and job.until != "clips":
            row = _once(job, "sync", sync)
    return row


def _once(job: Job, stage: str, run: Callable[[Job], Row]) -> Row:
    verdict, fingerprint = job.path(stage, "json"), job.fingerprint()
    if verdict.is_file():
        row = json.loads(verdict.read_text())
        if row["fingerprint"] == fingerprint:
            return row
    with passing(job.work.parent, f" at {job.source.path}"):
        verdict.parent.mkdir(parents=True, exist_ok=True)
        try:
            row = run(job)
        except Exception as error:  # whatever a library makes of a damaged file: the other files go on
            if _passes(error):
                raise
            whose = "" if isinstance(error, AvsyncError) else f"{job.source.path}: {type(error).__name__}: "
            row = failed(job, f"{whose}{error}")
        row |= {"fingerprint": fingerprint}
        with whole_file(verdict) as partial:
            partial.write_text(json.dumps(row))
    return row


@contextmanager
def passing(out: Path, where: str = "") -> Iterator[None]:
    """Tell of a lack of room as one line.

    Args:
        out: Where preparation writes.
        where: What was at work, to be said.

    Raises:
        RoomError: Room or open files ran out inside.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, RoomError) or (cause := _passes(error)) is None:
            raise
        raise RoomError(f"{out}: stopped{where} ({cause}); make room there and run the same command again") from error


def _passes(error: BaseException | None) -> str | None:
    """What an error says of the machine, or of what it comes from, rather than of a file; None if nothing."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _PASSING:
            return error.strerror or os.strerror(error.errno)
        error = error.__cause__ or error.__context__
    return None


def _probe(job: Job) -> Row:
    source = job.source
    info = probe(source.path)
    if source.audio is not None and info.audio is None:
        info = replace(info, audio=probe(source.audio).audio)
    require_picture_and_sound(info)
    if source.start >= info.duration:
        raise MediaError(
            f"{source.path} lasts {info.duration:.2f} s; the interval asked for starts at {source.start} s"
        )
    assert info.video is not None
    assert info.audio is not None
    told = {"duration": info.duration, "video": asdict(info.video), "audio": asdict(info.audio)}
    return row_of(job, "probed", seconds=info.duration) | told


@dataclass
class _Reading:
    """The pictures of a source on their way, and what they tell about its length."""

    first: int | None = None
    last: int = 0

    def of(self, frames: Iterator[tuple[int, np.ndarray]], source: Source) -> Iterator[tuple[int, np.ndarray]]:
        for k, picture in frames:
            if source.end is not None and clock.seconds(k) >= source.end:
                return
            if clock.seconds(k) >= source.start:
                self.first = k if self.first is None else self.first
                self.last = k + 1
                yield k, picture


def _clips(job: Job) -> Row:
    source, settings = job.source, job.settings
    apart = source.audio is not None and probe(source.path).audio is None
    seen = Account()
    heard = Account() if apart else seen  # one for a file: what its header claims is told of both streams together
    reading, timeline = _Reading(), Timeline("too short" if settings.crop == "frame" else "no face")
    with watchdog(settings.deadline, source.path) as dog:
        sound = Sound(source.audio if apart and source.audio else source.path, account=heard, begin=source.start)
        frames = dog.following(reading.of(read_frames(source.path, account=seen, start=source.start), source))
        with whole_file(job.path("clips", "tar")) as partial, writer(partial) as tar:
            count = 0
            for stretch in stretches(frames, settings, timeline):
                for part, samples in _with_sound(stretch, sound, settings, timeline):
                    tar.write(_sample(job, count, part, samples))
                    timeline.keep(part.first, part.last)
                    count += 1
                dog.start()
        ends = round(sound.end() / clock.SAMPLES_PER_FRAME) if source.end is None else clock.frames(source.end)
    if reason := _damage(source, seen, heard):
        job.path("clips", "tar").unlink()  # never kept as whole
        return failed(job, f"{source.path}: {reason}", clock.seconds(max(reading.last, ends)))
    begin = clock.frames(source.start)
    end = max(reading.last, ends)
    timeline.drop(begin, reading.first or begin, "no picture")
    timeline.drop(reading.last, end, "no picture")
    return told(job, timeline, begin, end, count)


def _with_sound(
    stretch: Stretch, sound: Sound, settings: Settings, timeline: Timeline
) -> Iterator[tuple[Stretch, np.ndarray]]:
    """The part of a stretch that has sound, if it is long enough, and its sound."""
    # stretches come in the order of their ends, none longer than this
    sound.forget((stretch.last - clock.frames(settings.max_seconds)) * clock.SAMPLES_PER_FRAME)
    begin = min(max(stretch.first, clock.frames(sound.start)), stretch.last)
    samples = sound.cut(begin * clock.SAMPLES_PER_FRAME, stretch.last * clock.SAMPLES_PER_FRAME)
    end = begin + round(len(samples) / clock.SAMPLES_PER_FRAME)
    timeline.drop(stretch.first, begin, "no sound")
    timeline.drop(end, stretch.last, "no sound")
    if end - begin >= clock.frames(settings.min_seconds):
        whole = np.zeros((end - begin) * clock.SAMPLES_PER_FRAME, np.float32)
        whole[: len(samples)] = samples[: len(whole)]
        yield stretch.part(begin, end), whole
    else:
        timeline.drop(begin, end, "too short")


def _damage(source: Source, seen: Account, heard: Account) -> str | None:
    """What is wrong with what was read; of a file that was not read to its end, only faults met on the way."""
    if source.end is None:
        return seen.problem() or heard.problem()
    faulty = [stream for account in (seen, heard) for stream in account.streams.values() if stream.faults]
    return faulty[0].problem(0.0) if faulty else None


def _sample(job: Job, number: int, part: Stretch, samples: np.ndarray) -> dict[str, Any]:
    meta = job.source.meta | {"source": job.source.name, "crop": job.settings.crop} | part.meta()
    return encoded(f"{job.key}_{number:03d}", part.frames, samples, meta)
