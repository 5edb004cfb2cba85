"""``avsync report``: a file's measurement as a page to look at and listen to."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from avsync.cli.inputs import Progress, add_inputs, add_measuring, each, pinned
from avsync.cli.listed import named
from avsync.cli.offset import add_search
from avsync.cli.offset import as_json as offset_row
from avsync.cli.offset import as_text as offset_text
from avsync.cli.targets import targets


def add(verbs: Any) -> None:
    """The verb's arguments."""
    report = verbs.add_parser("report", help="show a measurement: one page with the video, to look at and listen to")
    add_inputs(report)
    add_measuring(report)
    add_search(report)
    report.add_argument(
        "--page", metavar="PATH", help="the page, or an existing folder for pages (default: FILE.html in this folder)"
    )
    report.add_argument(
        "--link", action="store_true", help="name the video by its path instead of putting a copy into the page"
    )
    report.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    files = named(options.files, options.list)
    pages = targets(files, options.page or ".", "--page", ".html")
    pinned(options)
    given = {name: getattr(options, name) for name in ("checkpoint", "crop", "search", "min_chance", "link")}
    return each(options, partial(reported, given, pages), partial(as_text, min_chance=options.min_chance), files=files)


def reported(given: dict[str, Any], pages: dict[str, str], file: str, progress: Progress) -> dict[str, Any]:
    """The row of one file."""
    from avsync.api import checkpoint_of, report

    made = report(file, **given, page=pages[file], progress=progress)
    row = offset_row(made.result, checkpoint_of(given["checkpoint"]).name, given["search"])
    told = ("offset_ms", "offset_frames", "at_edge", "confidence", "chance", "verdict", "search_ms")
    return {
        "file": row["file"],
        "checkpoint": row["checkpoint"],
        "page": str(made.page),
        "bytes": made.size,
        "video": "embedded" if made.embedded else "linked",
        **{name: row[name] for name in told},
        "tracks": len(row["tracks"]),
    }


def as_text(row: dict[str, Any], min_chance: float) -> str:
    """What a person reads."""
    linked = "" if row["video"] == "embedded" else ", beside its video"
    return (
        f"{offset_text(row | {'tracks': []}, min_chance)}\n  {Path(row['page'])} ({row['bytes'] / 1e6:.1f} MB{linked})"
    )
