"""``avsync fix``: a copy of a file with its sound where it belongs."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from avsync import clock
from avsync.cli.drift import add_following, answer, following, words
from avsync.cli.inputs import Progress, each
from avsync.errors import MediaError

UNDECIDED = 3
"""Exit status: nothing was written, because the measurement is undecided or nothing here repairs what was found."""


def add(verbs: Any) -> None:
    """The verb's arguments."""
    fix = verbs.add_parser("fix", help="write a copy of a file with its sound where it belongs")
    fix.add_argument("files", nargs="+", metavar="IN", help="a video with a face and sound; never touched")
    fix.add_argument("target", metavar="OUT", help="the file to write, or a folder that is there: IN's name in it")
    fix.add_argument("--json", action="store_true", help="one object a line, one line a file")
    add_following(fix)
    fix.add_argument("--offset", type=float, metavar="MS", help="by how much the sound is early; nothing is measured")
    fix.add_argument("--rewrite-audio", action="store_true", help="move samples, for readers that ignore timestamps")
    fix.add_argument("--force", action="store_true", help="replace OUT if it is there")
    # the file is the result: there is no table of results, and files are done one after the other
    fix.set_defaults(run=_run, list=None, out=None, workers=1, deadline=600.0)


def _run(options: argparse.Namespace) -> int:
    if len(options.files) > 1 and not Path(options.target).is_dir():
        raise MediaError(f"{options.target}: is no folder; for several files give a folder that is there")
    given = following(options) | {"rewrite": options.rewrite_audio, "force": options.force}
    if options.offset is not None:
        given["offset"] = options.offset / 1000
    return each(options, partial(fixed, given, options.target), as_text, status)


def fixed(given: dict[str, Any], out: str, file: str, progress: Progress) -> dict[str, Any]:
    """The row of one file."""
    from avsync.api import checkpoint_of, fix

    target = Path(out) / Path(file).name if Path(out).is_dir() else Path(out)
    done = fix(file, target, **given, progress=progress)
    told = "given" if done.found is None else checkpoint_of(given["checkpoint"]).name
    nothing = {"kind": "given", "why": None, "offset_ms": round(1000 * given.get("offset", 0.0), 1), "ppm": None}
    nothing |= {"ppm_error": None, "cause": None, "steps": [], "confidence": None, "chance": None}
    return {
        "file": done.file,
        "out": done.out if done.action != "nothing" else None,
        "checkpoint": told,
        "action": done.action,
        **(nothing if done.found is None else answer(done.found)),
        "why": done.why or None,
        "codecs": [{"was": was, "is": now} for was, now in done.codecs],
        "left_out": done.left_out,
    }


def status(row: dict[str, Any]) -> int:
    """The exit status that a row asks for."""
    return UNDECIDED if row["action"] == "nothing" else 0


def as_text(row: dict[str, Any]) -> str:
    """What a person reads: one line, and one for each thing that is not as it was."""
    found = clock.describe(row["offset_ms"] / 1000) if row["kind"] == "given" else ""
    found = found or (row["why"] if row["action"] == "nothing" else words(row))
    did = {
        "nothing": "nothing written",
        "copied": f"copied to {row['out']}, in sync within half a frame",
        "shifted": f"moved by timestamps in {row['out']}",
        "rewritten": f"sound rewritten in {row['out']}",
    }[row["action"]]
    lines = [f"{row['file']}: {did}: {found}"]
    lines += [f"  sound was {one['was']}, is {one['is']}" for one in row["codecs"] if one["was"] != one["is"]]
    lines += [f"  {stream} was left out: {Path(row['out']).suffix} cannot hold it" for stream in row["left_out"]]
    return "\n".join(lines)
