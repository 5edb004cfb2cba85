"""The verbs of ``avsync``.

Exit status: 0 done, 1 ``verify`` found damage, 2 at least one input could not be used, 3 ``fix`` left a file because
its measurement is undecided.
"""

from __future__ import annotations

import argparse

from avsync.cli import checkpoints, drift, fix, offset, report, runs, score, sets, speakers, watch
from avsync.cli.inputs import complain
from avsync.errors import AvsyncError

VERBS = (offset, fix, drift, speakers, score, report, watch, runs, sets, checkpoints)
"""Modules whose ``add`` gives a verb its arguments and what runs it, in the order of the help."""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb."""
    parser = argparse.ArgumentParser(prog="avsync", description="Audio-visual synchronization.")
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    for verb in VERBS:
        verb.add(verbs)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except AvsyncError as error:
        complain(error)
        return 2
