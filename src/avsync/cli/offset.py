"""``avsync offset``: how far the sound is from the picture."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from avsync import clock
from avsync.alignment.chance import MIN_CHANCE, decided, percent
from avsync.cli.inputs import Progress, add_inputs, add_measuring, each, number, pinned

SEARCH, WIDEST = 1.0, 30.0
"""Seconds."""


def add(verbs: Any) -> None:
    """The verb's arguments."""
    offset = verbs.add_parser("offset", help="measure how far the sound is from the picture")
    add_inputs(offset)
    add_measuring(offset)
    add_search(offset)
    offset.set_defaults(run=_run)


LOOKED_FOR = "largest offset to look for, either way"


def add_search(parser: argparse.ArgumentParser, what: str = LOOKED_FOR, default: float = SEARCH) -> None:
    """The argument of a verb that looks for offsets."""
    parser.add_argument(
        "--search", type=number(1 / clock.FPS, WIDEST), default=default, metavar="SECONDS",
        help=f"{what} (default {default:g}, at most {WIDEST:g})",
    )  # fmt: skip


def _run(options: argparse.Namespace) -> int:
    pinned(options)
    given = {name: getattr(options, name) for name in ("checkpoint", "crop", "min_chance", "search")}
    return each(options, partial(measured, given), partial(as_text, min_chance=options.min_chance))


def measured(given: dict[str, Any], file: str, progress: Progress) -> dict[str, Any]:
    """The row of one file."""
    from avsync.api import checkpoint_of, offset

    return as_json(offset(file, **given, progress=progress), checkpoint_of(given["checkpoint"]).name, given["search"])


def as_text(row: dict[str, Any], min_chance: float = MIN_CHANCE) -> str:
    """What a person reads: one line for the file, one for each track."""
    lines = [f"{row['file']}: {words(row, min_chance)}" + (" (in sync)" if row["verdict"] == "in sync" else "")]
    for track in row["tracks"]:
        answer = words(track, min_chance)
        lines.append(f"  track {track['id']}, {track['start']:.2f} to {track['end']:.2f} s: {answer}")
    return "\n".join(lines)


def words(found: dict[str, Any], min_chance: float) -> str:
    """An answer of a file, a track or a moment."""
    if found["offset_ms"] is None:
        return "undecided, no speech that a face shows"
    chance = found["chance"]
    said = "undecided"
    if decided(chance, min_chance):
        said = f"{clock.describe(found['offset_ms'] / 1000)} ({found['offset_frames']:+d} frames)"
    said += ", at the edge of what was searched" if found["at_edge"] else ""
    sure = "" if chance is None else f", right within a frame: {percent(chance)}"
    return f"{said}, confidence {found['confidence']:.2f}{sure}"


def as_json(result: Any, checkpoint: str, search: float = SEARCH) -> dict[str, Any]:
    """What a program reads; positive: audio early, null: nothing to compare. It goes by the verdict."""
    return {
        "file": result.file,
        "checkpoint": checkpoint,
        **numbers(result.estimate),
        "chance": _rounded(result.chance),
        "verdict": result.verdict,
        "search_ms": round(1000 * search),
        "tracks": [
            {
                "id": track.id,
                "start": round(track.start, 3),
                "end": round(track.end, 3),
                **numbers(track.estimate),
                "chance": _rounded(track.chance),
                "weight": round(weight, 4),
                "windows": [
                    {
                        "time": round(time, 3),
                        **{k: v for k, v in numbers(run).items() if k in ("offset_ms", "confidence")},
                    }
                    for time, run in track.windows
                ],
            }
            for track, weight in zip(result.tracks, result.weights, strict=True)
        ],
    }


def numbers(found: Any) -> dict[str, Any]:
    """What rows say of an estimate, or of None."""
    if found is None:
        return {"offset_ms": None, "offset_frames": None, "at_edge": None, "confidence": None}
    return {
        "offset_ms": round(found.offset * 1000, 1),
        "offset_frames": found.frames,
        "at_edge": found.at_edge,
        "confidence": round(found.confidence, 4),
    }


def _rounded(chance: float | None) -> float | None:
    return None if chance is None else round(chance, 4)
