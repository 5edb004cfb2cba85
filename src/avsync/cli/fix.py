"""``avsync fix``: a copy of a file with its sound where it belongs."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any

from avsync import clock
from avsync.cli.drift import add_following, answer, following, words
from avsync.cli.inputs import FAR, Progress, add_inputs, each, number, pinned
from avsync.cli.listed import named
from avsync.cli.results import begun
from avsync.cli.targets import targets
from avsync.errors import AvsyncError

UNDECIDED = 3
"""Exit status: nothing was written, because the measurement is undecided or nothing here repairs what was found."""


def add(verbs: Any) -> None:
    """The verb's arguments."""
    fix = verbs.add_parser("fix", help="write a copy of a file with its sound where it belongs")
    add_inputs(fix)
    fix.add_argument("target", metavar="OUT", help="the file to write, or a folder that exists: FILE's name in it")
    add_following(fix)
    fix.add_argument(
        "--offset", type=number(-FAR, FAR), metavar="MS",
        help="by how much the sound is early, negative when late; nothing is measured",
    )  # fmt: skip
    fix.add_argument("--rewrite-audio", action="store_true", help="move samples, for readers that ignore timestamps")
    fix.add_argument("--force", action="store_true", help="replace OUT if it is there")
    fix.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if not options.files and not options.list:
        raise AvsyncError(f"{options.target}: is the only name given; give FILE and OUT, the file to write")
    files = named(options.files, options.list, options.target)
    written = targets(files, options.target, "OUT")
    if options.offset is None:
        pinned(options)
    given = following(options) | {"rewrite": options.rewrite_audio, "force": options.force}
    if options.offset is not None:
        given["offset"] = options.offset / 1000
    return each(options, partial(fixed, given, written, begun(options.out)), as_text, status, files)


def fixed(
    given: dict[str, Any], written: dict[str, str], since: float | None, file: str, progress: Progress
) -> dict[str, Any]:
    """The row of one file."""
    from avsync.api import checkpoint_of, fix

    target = written[file]
    force = given["force"] or _left_behind(target, since)
    done = fix(file, target, **given | {"force": force}, progress=progress)
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


def _left_behind(target: str, since: float | None) -> bool:
    """Whether a file was written after its run began, which was killed before it could write the row."""
    return since is not None and os.path.isfile(target) and os.stat(target).st_mtime >= since


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
    suffix = Path(row["out"] or "").suffix
    lines += [f"  left out, as it cannot be read or {suffix} cannot hold it: {stream}" for stream in row["left_out"]]
    return "\n".join(lines)
