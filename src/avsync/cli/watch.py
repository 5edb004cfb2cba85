"""``avsync watch``: the running offset of a live source.

Exit status: 0 when the source ended or who read the lines went away, 2 when it cannot be opened or broke off.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from avsync import clock
from avsync.alignment.chance import MIN_CHANCE
from avsync.cli.inputs import add_measuring, number, pinned
from avsync.cli.offset import LOOKED_FOR, add_search, numbers, words

LEAST = clock.seconds(clock.WINDOW_FRAMES)
SECONDS = number(LEAST, 3600)
"""An argument of at least a window and at most an hour."""


def add(verbs: Any) -> None:
    """The verb's arguments."""
    watch = verbs.add_parser("watch", help="tell the running offset of a live source, a line a second")
    watch.add_argument("source", metavar="SOURCE", help="- for stdin, a pipe, a file, or a URL (http, rtmp, srt, udp)")
    watch.add_argument("--json", action="store_true", help="one object a line")
    for name, default, what in (
        ("--window", 10.0, "answer for the last S seconds"),
        ("--every", 1.0, "a line every S seconds of picture"),
        ("--patience", 30.0, "give a URL up when nothing comes for so long"),
    ):
        words = f"{what}; at least {LEAST:g} (default {default:g})"
        watch.add_argument(name, type=SECONDS, default=default, metavar="S", help=words)
    add_measuring(watch)
    add_search(watch, f"{LOOKED_FOR}; late sound at most two thirds of --window")
    watch.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from avsync.api import watch  # torch takes seconds: not for --help

    loaded = pinned(options)
    named = ("crop", "window", "every", "search", "min_chance", "patience")
    for reading in watch(options.source, options.checkpoint, **{name: getattr(options, name) for name in named}):
        row = as_json(reading, loaded.name)
        print(json.dumps(row) if options.json else as_text(row, options.min_chance), flush=True)
    return 0


def as_json(reading: Any, checkpoint: str) -> dict[str, Any]:
    """What a program reads of one moment."""
    best = reading.best
    found = best.estimate if best else None
    return {
        "time": round(reading.time, 3),
        "checkpoint": checkpoint,
        **numbers(found),
        "chance": None if best is None or best.chance is None else round(best.chance, 4),
        "verdict": reading.verdict,
        "track": None if best is None else best.id,
        "faces": len(reading.tracks),
        "segment": reading.segment,
        "behind_ms": round(reading.behind * 1000),
        "dropped_ms": round(reading.dropped * 1000),
    }


def as_text(row: dict[str, Any], min_chance: float = MIN_CHANCE) -> str:
    """What a person reads of a row."""
    late = f"; {row['behind_ms'] / 1000:.1f} s behind" if row["behind_ms"] > 1000 else ""
    late += f"; this machine is too slow: {row['dropped_ms'] / 1000:.1f} s left out" if row["dropped_ms"] else ""
    said = words(row, min_chance) if row["faces"] else "no face"
    return f"{row['time']:8.1f} s  {said}{late}"
