"""The verbs of ``avsync``. Exit status: 0 done, 1 ``verify`` found damage, 2 at least one input could not be used."""

from __future__ import annotations

import argparse

from avsync.cli import checkpoints, offset, runs, score, sets, speakers
from avsync.cli.inputs import complain
from avsync.errors import AvsyncError

VERBS = (offset, speakers, score, runs, sets, checkpoints)
"""Modules whose ``add`` gives a verb its arguments and what runs it, in the order of the help."""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb."""
    parser = argparse.ArgumentParser(prog="avsync", description="Audio-visual synchronization.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add(verbs)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except AvsyncError as error:
        complain(error)
        return 2
