"""What happens to one source, each stage one file in and one file out.

    probe   SOURCE                  ─► work/probe/<key>.json    what it holds, or why it cannot be used
    clips   SOURCE                  ─► work/clips/<key>.tar     its clips, in one pass: shots, faces, crops, sound
    sync    work/clips/<key>.tar    ─► work/sync/<key>.tar      those found in sync, corrected where they were not

The source is decoded once. A JSON beside each tar says what became of every second; it is written last, so a stage
without it was not done, and it knows of which file and settings it tells, so a change of either makes it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import webdataset as wds

from avsync import clock
from avsync.data.clips import Settings, Stretch, stretches
from avsync.data.shards import decode_sample
from avsync.data.sources import Source
from avsync.data.timeline import KEPT, Timeline
from avsync.errors import AvsyncError, MediaError
from avsync.media.atomic import whole_file
from avsync.media.damage import Account
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.read import read_audio, read_frames
from avsync.media.watchdog import watchdog
from avsync.media.write import encode_flac, encode_video

VERSION = 2
"""Raised whenever the same source would give other clips."""

STAGES = ("probe", "clips", "sync", "shards")

Row = dict[str, Any]
"""What became of a source: ``key``, ``source``, ``state`` (probed, kept, dropped or failed), ``reason``, ``clips``,
``seconds_in``, ``seconds_kept`` and ``seconds_dropped`` by reason."""


class Check(Protocol):
    """Tells whether a clip is in sync; see :class:`avsync.alignment.check.SyncCheck`."""

    def __call__(self, frames: np.ndarray, audio: np.ndarray) -> tuple[int | None, float]:
        """Frames by which the sound is early, None when that is undecided, and the confidence."""


@dataclass(frozen=True)
class Job:
    """A source with what is to be done to it.

    Attributes:
        source: The piece of footage.
        work: Folder of what the stages make.
        settings: How clips are cut.
        until: The last stage to run, one of :data:`STAGES`.
        check: Of the sync stage; None leaves it out.
        max_offset: Frames that the check may correct; clips further out are dropped.
    """

    source: Source
    work: Path
    settings: Settings
    until: str = "shards"
    check: Check | None = None
    max_offset: int = 5

    @property
    def key(self) -> str:
        """A name that is unique for a source and safe in a tar, whose keys end at the first dot."""
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", self.source.name)
        return f"{name}-{hashlib.sha256(self.source.name.encode()).hexdigest()[:6]}"

    def path(self, stage: str, suffix: str) -> Path:
        """A file of a stage."""
        return self.work / stage / f"{self.key}.{suffix}"

    def fingerprint(self) -> str:
        """Of everything that the clips depend on."""
        source = asdict(self.source)
        for name in ("path", "audio"):
            file = source.pop(name)
            source[name] = [str(file), *_stat(file)] if file else None
        told = [VERSION, source, asdict(self.settings), repr(self.check), self.max_offset]
        return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]


def _stat(file: Path) -> list[int]:
    return [file.stat().st_size, file.stat().st_mtime_ns] if file.is_file() else []


def prepare_source(job: Job) -> Row:
    """Run the stages of one source that are not done yet.

    Returns:
        The row of the last one; a source that cannot be used is a row as well, never an error.
    """
    row = _once(job, "probe", _probe)
    if row["state"] == "probed" and job.until != "probe":
        row = _once(job, "clips", _clips)
        if row["state"] == KEPT and job.check is not None and job.until != "clips":
            row = _once(job, "sync", _sync)
    return row


def _once(job: Job, stage: str, run: Callable[[Job], Row]) -> Row:
    verdict, fingerprint = job.path(stage, "json"), job.fingerprint()
    if verdict.is_file():
        row = json.loads(verdict.read_text())
        if row["fingerprint"] == fingerprint:
            return row
    verdict.parent.mkdir(parents=True, exist_ok=True)
    try:
        row = run(job)
    except AvsyncError as error:
        row = failed(job, str(error))
    except Exception as error:  # whatever a library makes of a damaged file: the other files go on
        row = failed(job, f"{job.source.path}: {type(error).__name__}: {error}")
    row |= {"fingerprint": fingerprint}
    with whole_file(verdict) as partial:
        partial.write_text(json.dumps(row))
    return row


def failed(job: Job, reason: str, seconds: float = 0.0) -> Row:
    """The row of a source that cannot be used."""
    dropped = {"damaged": round(seconds, 3)} if seconds else {}
    return _row(job, "failed", reason, seconds) | {"seconds_dropped": dropped}


def _row(job: Job, state: str, reason: str = "", seconds: float = 0.0) -> Row:
    row: Row = {"key": job.key, "source": job.source.name, "state": state, "reason": reason, "clips": 0}
    return row | {"seconds_in": round(seconds, 3), "seconds_kept": 0.0, "seconds_dropped": {}}


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
    return _row(job, "probed", seconds=info.duration) | told


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
    picture, sound = Account(), Account()
    reading, timeline = _Reading(), Timeline("too short" if settings.crop == "frame" else "no face")
    with watchdog(settings.deadline, source.path) as dog:
        audio = read_audio(source.audio if apart and source.audio else source.path, account=sound)
        heard = _heard(source, audio)
        frames = dog.following(reading.of(read_frames(source.path, account=picture), source))
        with whole_file(job.path("clips", "tar")) as partial, _tar(partial) as tar:
            count = 0
            for stretch in stretches(frames, settings, timeline):
                for part in _with_sound(stretch, heard, settings, timeline):
                    tar.write(_sample(job, count, part, audio))
                    timeline.keep(part.first, part.last)
                    count += 1
                dog.start()
    if reason := _damage(source, picture, sound):
        job.path("clips", "tar").unlink()  # never kept as whole
        ends = (account.end(kind) for account, kind in ((picture, "video"), (sound, "audio")))
        return failed(job, f"{source.path}: {reason}", max(end or 0.0 for end in ends))
    begin = clock.frames(source.start)
    timeline.drop(begin, reading.first or begin, "no picture")
    timeline.drop(reading.last, heard[1], "no picture")
    end = max(reading.last, heard[1])
    return _told(job, timeline, begin, end if source.end is None else min(end, clock.frames(source.end)), count)


def _heard(source: Source, audio: np.ndarray) -> tuple[int, int]:
    """First frame with sound, and the one after the last."""
    info = probe(source.path).audio
    start = 0.0 if info is None else info.start
    return clock.frames(start), round(len(audio) / clock.SAMPLES_PER_FRAME)


def _with_sound(stretch: Stretch, heard: tuple[int, int], settings: Settings, timeline: Timeline) -> Iterator[Stretch]:
    first, last = max(stretch.first, heard[0]), min(stretch.last, heard[1])
    timeline.drop(stretch.first, min(first, stretch.last), "no sound")
    timeline.drop(max(last, stretch.first), stretch.last, "no sound")
    if last - first >= clock.frames(settings.min_seconds):
        yield stretch.part(first, last)
    elif last > first:
        timeline.drop(first, last, "too short")


def _damage(source: Source, picture: Account, sound: Account) -> str | None:
    """What is wrong with what was read; of a file that was not read to its end, only faults met on the way."""
    if source.end is None:
        return picture.problem() or sound.problem()
    faulty = [stream for account in (picture, sound) for stream in account.streams.values() if stream.faults]
    return faulty[0].problem(0.0) if faulty else None


def _tar(path: Path) -> wds.TarWriter:
    return wds.TarWriter(str(path), encoder=False, mtime=0)


def _sample(job: Job, number: int, part: Stretch, audio: np.ndarray) -> dict[str, Any]:
    first, last = part.first * clock.SAMPLES_PER_FRAME, part.last * clock.SAMPLES_PER_FRAME
    sound = np.zeros(last - first, np.float32)
    heard = audio[first:last]
    sound[: len(heard)] = heard
    meta = job.source.meta | {"source": job.source.name, "crop": job.settings.crop} | part.meta()
    return _encoded(f"{job.key}_{number:03d}", part.frames, sound, meta)


def _encoded(key: str, frames: np.ndarray, sound: np.ndarray, meta: dict[str, Any]) -> dict[str, Any]:
    return {
        "__key__": key,
        "mp4": encode_video(frames),
        "flac": encode_flac(sound, clock.SAMPLE_RATE),
        "json": json.dumps(meta).encode(),
    }


def _told(job: Job, timeline: Timeline, begin: int, end: int, clips: int) -> Row:
    """The row of a source that was read: where its seconds went."""
    seconds = timeline.seconds(begin, end)
    kept = seconds.pop(KEPT, 0.0)
    row = _row(job, KEPT, seconds=clock.seconds(max(0, end - begin)))
    if not clips:
        row |= {"state": "dropped", "reason": max(seconds, key=lambda name: seconds[name], default="nothing in it")}
    row |= {"clips": clips, "seconds_kept": round(kept, 3), "dropped": timeline.dropped, "interval": [begin, end]}
    return row | {"seconds_dropped": {name: round(value, 3) for name, value in seconds.items()}}


def samples(path: Path) -> Iterator[dict[str, Any]]:
    """What a tar of a stage holds."""
    for sample in wds.tarfile_to_samples()([{"url": str(path)}]):
        yield {name: value for name, value in sample.items() if name in ("__key__", "mp4", "flac", "json")}


def _sync(job: Job) -> Row:
    assert job.check is not None
    clips = json.loads(job.path("clips", "json").read_text())
    timeline, count = Timeline(dropped=clips["dropped"]), 0
    with whole_file(job.path("sync", "tar")) as partial, _tar(partial) as tar:
        for sample in samples(job.path("clips", "tar")):
            clip = decode_sample(sample)
            first = clock.frames(clip.meta["start"])
            last = first + len(clip.frames)
            offset, confidence = job.check(clip.frames, clip.audio)
            if offset is None or abs(offset) > job.max_offset:
                timeline.drop(first, last, "sync undecided" if offset is None else "out of sync")
                continue
            tar.write(corrected(sample, offset, confidence))
            timeline.drop(first, last, "out of sync")  # the ends, which a correction takes off
            timeline.keep(first + max(0, offset), last - max(0, -offset))
            count += 1
    begin, end = clips["interval"]
    return _told(job, timeline, begin, end, count)


def corrected(sample: dict[str, Any], offset: int, confidence: float) -> dict[str, Any]:
    """A sample with its sound moved to its picture, as much shorter as it moved.

    Args:
        sample: As a shard holds it.
        offset: Frames by which the sound is early.
        confidence: Of that; both are noted in the JSON.
    """
    clip = decode_sample(sample)
    meta = clip.meta | {"offset_found": clock.seconds(offset), "confidence": round(confidence, 4)}
    if not offset:
        return sample | {"json": json.dumps(meta).encode()}
    # sound that is early by n frames: what belongs to picture i was heard n frames before
    length = len(clip.frames) - abs(offset)
    picture, sound = max(0, offset), max(0, -offset)
    for name in ("boxes", "landmarks"):
        if name in meta:
            meta[name] = meta[name][picture : picture + length]
    meta |= {"start": clock.seconds(clock.frames(meta["start"]) + picture), "seconds": clock.seconds(length)}
    samples_ = clip.audio[sound * clock.SAMPLES_PER_FRAME : (sound + length) * clock.SAMPLES_PER_FRAME]
    return _encoded(sample["__key__"], clip.frames[picture : picture + length], samples_, meta)
