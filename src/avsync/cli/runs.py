"""``avsync runs``: what trainings and sweeps reached, in one table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(verbs: Any) -> None:
    """The verb's arguments."""
    runs = verbs.add_parser("runs", help="collect the runs of a folder or sweep into one table")
    runs.add_argument("folder", nargs="?", default="runs", help="default: runs")
    runs.add_argument("--csv", metavar="FILE", help="write the whole table there too")
    runs.set_defaults(run=_runs)


def _runs(options: argparse.Namespace) -> int:
    from avsync.evaluation.runs import collect, print_runs, write_csv

    rows = collect(Path(options.folder))
    print_runs(rows)
    if options.csv:
        write_csv(rows, Path(options.csv))
    return 0
