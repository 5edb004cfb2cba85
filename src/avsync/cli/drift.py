"""``avsync drift``: the offset over time, and what explains it."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from avsync import clock
from avsync.alignment.chance import percent
from avsync.cli.inputs import Progress, add_inputs, add_measuring, each, number, pinned
from avsync.cli.offset import add_search


def add(verbs: Any) -> None:
    """The verb's arguments."""
    drift = verbs.add_parser("drift", help="follow the offset over time: constant, steps at cuts, drifting, irregular")
    add_inputs(drift)
    add_following(drift)
    drift.set_defaults(run=_run)


def add_following(parser: argparse.ArgumentParser) -> None:
    """Arguments of a verb that follows the offset."""
    add_measuring(parser)
    parser.add_argument(
        "--min-confidence", type=number(0), default=0.0, metavar="C",
        help="say undecided below this confidence too, in the network's units of distance (default 0)",
    )  # fmt: skip
    add_search(parser, "to either side of the offset that was last found")


def following(options: argparse.Namespace) -> dict[str, Any]:
    """What :func:`add_following` added, as the functions take it."""
    return {
        "checkpoint": options.checkpoint,
        "crop": options.crop,
        "min_chance": options.min_chance,
        "min_confidence": options.min_confidence,
        "search": options.search,
    }


def _run(options: argparse.Namespace) -> int:
    pinned(options)
    return each(options, partial(measured, following(options)), as_text)


def measured(given: dict[str, Any], file: str, progress: Progress) -> dict[str, Any]:
    """The row of one file."""
    from avsync.api import checkpoint_of, drift

    found = drift(file, **given, progress=progress)
    return {
        "file": found.file,
        "checkpoint": checkpoint_of(given["checkpoint"]).name,
        **answer(found),
        "points": [
            {
                "time": round(run.time, 3),
                "offset_ms": round(run.offset * 1000, 1),
                "confidence": round(run.found.confidence, 4),
                "chance": None if run.chance is None else round(run.chance, 4),
                "track": run.track,
            }
            for run in found.runs
        ],
    }


def answer(found: Any) -> dict[str, Any]:
    """What explains the offsets, plain values; numbers are null when it is undecided."""
    undecided = found.kind == "undecided"
    linear = found.kind == "linear"
    return {
        "kind": found.kind,
        "why": found.why or None,
        "offset_ms": None if undecided else round(found.offset * 1000, 1),
        "ppm": round(found.ppm, 1) if linear else None,
        "ppm_error": round(found.ppm_error, 1) if linear else None,
        "cause": found.cause if linear else None,
        "steps": [
            {"time": round(time, 3), "offset_ms": round(offset * 1000, 1)}
            for time, offset in (found.steps if found.kind in ("constant", "steps", "irregular") else [])
        ],
        "confidence": None if found.pooled is None else round(found.pooled.confidence, 4),
        "chance": None if found.chance is None else round(found.chance, 4),
    }


def as_text(row: dict[str, Any]) -> str:
    """What a person reads: one line, and one for each step."""
    lines = [f"{row['file']}: {words(row)}"]
    if row["kind"] in ("steps", "irregular"):
        for step in row["steps"]:
            lines.append(f"  from {step['time']:.2f} s: {clock.describe(step['offset_ms'] / 1000)}")
    return "\n".join(lines)


def words(row: dict[str, Any]) -> str:
    """The answer in words."""
    if row["kind"] == "undecided":
        return f"undecided: {row['why']}"
    sure = f"confidence {row['confidence']:.2f}"
    if row["chance"] is not None:
        sure += f", right within a frame: {percent(row['chance'])}"
    where = clock.describe(row["offset_ms"] / 1000)
    if row["kind"] == "constant":
        return f"constant, {where}, {sure}"
    if row["kind"] == "steps":
        return f"constant per shot, {len(row['steps']) - 1} steps at cuts, {sure}"
    if row["kind"] == "irregular":
        return f"irregular, {sure}"
    cause = f", as from {row['cause']}" if row["cause"] else ""
    drifting = f"drifts by {row['ppm']:+.0f} ± {row['ppm_error']:.0f} ppm"
    return f"{drifting}{cause}; in the middle {where}, {sure}"
