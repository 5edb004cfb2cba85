"""A file's measurement as one self-contained page: the video beside what was measured of it, both on one playhead.

measured ─► trace (distances, boxes), loudness ─► data
file     ─► browser copy                        ─► movie        ─► page/page.html with its style and scripts
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from avsync import clock
from avsync.alignment.chance import MIN_CHANCE
from avsync.alignment.course import slots
from avsync.alignment.measure import EBU_R37, SEARCH, FileResult, TrackResult, measure
from avsync.errors import AvsyncError
from avsync.evaluation import file_page_words as words
from avsync.evaluation.trace import BOX_EVERY, Trace, loudness, packed
from avsync.media.atomic import require_folder, whole_file
from avsync.media.preview import browser_copy
from avsync.media.probe import MediaInfo, probe, require_picture_and_sound
from avsync.models.shipped import Measurer
from avsync.version import own_version

EMBEDDED_SECONDS = 300.0
"""Longest video of which a copy is put into the page; a page names longer ones by their path."""

EMBEDDED_BYTES = 15_000_000
"""About what the copy may take; as text in the page it takes a third more."""

SCRIPTS = ("data.js", "plots.js", "player.js", "sound.js", "start.js")


@dataclass(frozen=True)
class Report:
    """A page that was written.

    Attributes:
        result: What it shows.
        page: Where it is.
        size: Bytes.
        embedded: The video is in the page; otherwise the page needs the file where it was.
    """

    result: FileResult
    page: Path
    size: int
    embedded: bool


def write_file_page(
    path: str | Path,
    loaded: Measurer,
    page: str | Path | None = None,
    *,
    link: bool = False,
    crop: str = "face",
    search: int = SEARCH,
    min_chance: float = MIN_CHANCE,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """Measure a file and write its page, whole or not at all.

    Args:
        path: A video with a face and sound.
        loaded: The network.
        page: The page, or an existing folder for it; None for FILE.html in this folder.
        link: Name the video by its path, however short it is.
        crop: As for :func:`avsync.alignment.measure.measure`.
        search: The same, in frames.
        min_chance: The same.
        progress: Called with the share that is done, 0...1.

    Raises:
        AvsyncError: The file cannot be measured, or the page cannot be written.
    """
    told = progress or (lambda share: None)
    target = _target(Path(path), None if page is None else Path(page))
    info = probe(path)
    require_picture_and_sound(info)
    trace = Trace(info)
    result = measure(
        path, loaded.net, loaded.calibration, crop=crop, search=search, min_chance=min_chance, seen=trace,
        progress=lambda share: told(0.7 * share),
    )  # fmt: skip
    embedded = not link and info.duration <= EMBEDDED_SECONDS
    with whole_file(target) as partial:
        movie = b""
        if embedded:
            movie = browser_copy(path, EMBEDDED_BYTES, progress=lambda share: told(0.7 + 0.3 * share))
        source = None if embedded else quote(os.fsencode(os.path.relpath(path, target.parent)))
        shown = _data(result, info, trace, source)
        options = _options(loaded.name, crop, search, min_chance)
        filled = _filled(result, info, shown, movie, loaded.name, options)
        partial.write_text(filled, encoding="utf-8", errors="replace")  # names of files need not be UTF-8
        size = partial.stat().st_size
    told(1.0)
    return Report(result, target, size, embedded)


def _options(checkpoint: str, crop: str, search: int, min_chance: float) -> list[str]:
    """What a command needs to find what this one found."""
    given = ["--checkpoint", checkpoint]
    given += [] if crop == "face" else ["--crop", crop]
    given += [] if search == SEARCH else ["--search", f"{clock.seconds(search):g}"]
    return given + ([] if min_chance == MIN_CHANCE else ["--min-chance", f"{min_chance:g}"])


def _target(path: Path, page: Path | None) -> Path:
    name = f"{path.name}.html"
    target = Path(name) if page is None else page / name if page.is_dir() else page
    if target.exists() and path.exists() and target.samefile(path):
        raise AvsyncError(f"{target}: is the video itself; give another name for the page")
    require_folder(target)
    return target


def _data(result: FileResult, info: MediaInfo, trace: Trace, source: str | None) -> dict[str, Any]:
    """What the scripts of the page draw from."""
    from matplotlib import colormaps  # a fifth of a second that other verbs need not wait

    end = max([info.duration, *(track.end for track in result.tracks)])
    found = [track.estimate for track in result.tracks if track.estimate is not None]
    search = max((one.search for one in found), default=15)
    lanes = slots([(clock.frames(track.start), clock.frames(track.end)) for track in result.tracks])
    return {
        "duration": round(end, 3),
        "embedded": source is None,
        "source": source,
        "search_ms": 1000 * clock.seconds(search),
        "ebu_ms": [1000 * limit for limit in EBU_R37],
        "step": max(1, trace.step),
        "box_step": clock.seconds(BOX_EVERY),
        "colours": packed(np.round(255 * colormaps["cividis"](np.arange(256))[:, :3]).astype(np.uint8)),
        "sound": loudness(info.path),
        "tracks": [
            _track(track, lane, trace, result.min_chance) for track, lane in zip(result.tracks, lanes, strict=True)
        ],
    }


def _track(track: TrackResult, lane: int, trace: Trace, min_chance: float) -> dict[str, Any]:
    found = track.estimate
    confidences = [run.confidence for _, run in track.windows]
    return {
        "id": track.id,
        "lane": lane,
        "start": round(track.start, 3),
        "end": round(track.end, 3),
        "offset_ms": None if found is None else round(1000 * found.offset, 1),
        "decided": track.decided(min_chance),
        "surest": float(np.quantile(confidences, 0.95)) if confidences else 0.0,
        "windows": {
            "time": [round(time, 2) for time, _ in track.windows],
            "offset": [round(1000 * run.offset) for _, run in track.windows],
            "confidence": [round(value, 3) for value in confidences],
        },
        **trace.track(track.id),
    }


def _filled(
    result: FileResult, info: MediaInfo, shown: dict[str, Any], movie: bytes, checkpoint: str, options: list[str]
) -> str:
    folder = files("avsync") / "evaluation" / "page"
    offset = result.estimate.offset if result.estimate is not None and result.verdict != "undecided" else None
    parts = {
        "name": escape(Path(result.file).name),
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "script": "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS),
        # a page with its own copy asks for nothing at all; one beside its video asks for that
        "media": "blob:" if shown["embedded"] else "blob: file: 'self'",
        "data": json.dumps(shown, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        "movie": base64.b64encode(movie).decode(),
        "delay": str(round(1000 * (offset or 0.0))),
        "reach": str(round(max(1000.0, 2000 * abs(offset or 0.0)))),
        "moved": words.moved(offset),
        "linked": "" if shown["embedded"] else words.linked(shown["source"]),
        "footer": words.footer(result, info, checkpoint, own_version()),
        "tracks": words.tracks(result, {track["id"]: track["lane"] for track in shown["tracks"]}),
        "table": words.table(result, shown["duration"]),
        **words.verdict(result),
        "advice": words.advice(result, options),
        "help": words.help_text(result),
    }
    template = (folder / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
