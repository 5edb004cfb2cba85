"""Clips between stages: out of a tar, corrected if their sound is out by a few frames, into a tar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import webdataset as wds

from avsync import clock
from avsync.data.job import Job, Row, told
from avsync.data.shards import decode_sample
from avsync.data.timeline import Timeline
from avsync.data.verdicts import moved
from avsync.media.atomic import whole_file
from avsync.media.write import encode_flac, encode_video


def writer(path: Path) -> wds.TarWriter:
    """A tar of samples whose bytes do not depend on when it is written."""
    return wds.TarWriter(str(path), encoder=False, mtime=0)


def samples(path: Path) -> Iterator[dict[str, Any]]:
    """What a tar of a stage holds."""
    for sample in wds.tarfile_to_samples()([{"url": str(path)}]):
        yield {name: value for name, value in sample.items() if name in ("__key__", "mp4", "flac", "json")}


def encoded(key: str, frames: np.ndarray, sound: np.ndarray, meta: dict[str, Any]) -> dict[str, Any]:
    """A clip as a shard holds it."""
    return {
        "__key__": key,
        "mp4": encode_video(frames),
        "flac": encode_flac(sound, clock.SAMPLE_RATE),
        "json": json.dumps(meta).encode(),
    }


def sync(job: Job) -> Row:
    """The clips of a source that its check finds in sync, or that a correction of a few frames brings there."""
    assert job.check is not None
    clips = json.loads(job.path("clips", "json").read_text())
    timeline, count = Timeline(dropped=clips["dropped"]), 0
    with whole_file(job.path("sync", "tar")) as partial, writer(partial) as tar:
        for sample in samples(job.path("clips", "tar")):
            clip = decode_sample(sample)
            first = clock.frames(clip.meta["start"])
            last = first + len(clip.frames)
            offset, confidence = job.check(clip.frames, clip.audio)
            if offset is None or abs(offset) > job.max_offset:
                timeline.drop(first, last, "sync undecided" if offset is None else "out of sync")
                continue
            if last - first - abs(offset) < clock.frames(job.settings.min_seconds):
                timeline.drop(first, last, "too short")
                continue
            tar.write(corrected(sample, offset, confidence))
            timeline.drop(first, last, "out of sync")  # the ends, which a correction takes off
            timeline.keep(first + max(0, offset), last - max(0, -offset))
            count += 1
    begin, end = clips["interval"]
    return told(job, timeline, begin, end, count)


def corrected(sample: dict[str, Any], offset: int, confidence: float) -> dict[str, Any]:
    """A sample with its sound moved to its picture, as much shorter as it moved.

    Args:
        sample: As a shard holds it.
        offset: Frames by which the sound is early.
        confidence: Of that; both are noted in the JSON.
    """
    clip = moved(decode_sample(sample), offset)
    meta = clip.meta | {"offset_found": clock.seconds(offset), "confidence": round(confidence, 4)}
    if not offset:
        return sample | {"json": json.dumps(meta).encode()}
    return encoded(clip.key, clip.frames, clip.audio, meta)
