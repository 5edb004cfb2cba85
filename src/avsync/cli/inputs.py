"""What the verbs share: their files, their checkpoint, one row a file, one line an error."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from avsync.alignment.chance import MIN_CHANCE
from avsync.errors import AvsyncError

CHECKPOINT = (
    "a path, a name that ships, or hub:OWNER/REPO (default: that of the newest run in ./runs, else the one that ships)"
)

Progress = Callable[[float], None]
"""Told the share of a file that is done, 0...1."""


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Arguments of a verb that takes files, one by one or many."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a video with a face and sound")
    parser.add_argument("--json", action="store_true", help="one object a line, one line a file")


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Arguments of a verb that measures with a network."""
    parser.add_argument("--checkpoint", metavar="CKPT", help=CHECKPOINT)
    parser.add_argument("--crop", choices=("face", "none"), default="face", help="none: the file is a face crop")
    parser.add_argument(
        "--min-chance", type=share, default=MIN_CHANCE, metavar="P",
        help=f"say undecided when the chance to be right within a frame is lower (default {MIN_CHANCE})",
    )  # fmt: skip


def share(text: str) -> float:
    """An argument in 0...1."""
    if not 0 <= float(text) <= 1:
        raise ValueError  # argparse says which argument, and what it got
    return float(text)


def each(
    options: argparse.Namespace,
    work: Callable[[str, Progress], dict[str, Any]],
    text: Callable[[dict[str, Any]], str],
    status: Callable[[dict[str, Any]], int] = lambda row: 0,
) -> int:
    """Do a verb's work on every file that was given and print its row; a bad file does not stop the others.

    Args:
        options: With what :func:`add_inputs` added.
        work: File and progress to the row of the file, plain values; can be pickled.
        text: What a person reads of a row.
        status: The exit status that a row asks for.

    Returns:
        The highest exit status of all files, 2 for one that could not be used.
    """
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    highest = 0
    for file in options.files:
        try:
            with Bar(transient=True, console=console, disable=not console.is_terminal) as bar:
                row = work(file, partial(_show, bar, bar.add_task(Path(file).name, total=1.0)))
        except AvsyncError as error:
            complain(error)
            highest = max(highest, 2)
            continue
        highest = max(highest, status(row))
        print(json.dumps(row) if options.json else text(row), flush=True)
    return highest


def _show(bar: Any, task: Any, done: float) -> None:
    bar.update(task, completed=done)


def complain(error: AvsyncError) -> None:
    """One line for the user."""
    print(f"avsync: {error}", file=sys.stderr)
