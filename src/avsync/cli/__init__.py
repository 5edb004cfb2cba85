"""The verbs of ``avsync``."""

from __future__ import annotations

import argparse
import io
import os
import sys

from avsync.cli import checkpoints, drift, fix, offset, report, runs, score, sets, speakers, watch
from avsync.cli.inputs import UNUSABLE, complain
from avsync.errors import AvsyncError
from avsync.version import own_version

VERBS = (offset, fix, drift, speakers, score, report, watch, runs, sets, checkpoints)
"""Modules whose ``add`` gives a verb its arguments and what runs it, in the order of the help."""

INTERRUPTED = 130

STATUS = """exit status:
  0    done; watch: the source ended; or the reader of the lines closed the pipe
  1    verify found damage
  2    at least one input could not be used: one line each on stderr, the others go on
  3    otherwise: fix wrote nothing for at least one file: undecided, or cannot be repaired
  130  Ctrl-C
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb.

    Returns:
        The exit status, see :data:`STATUS`.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files are bytes, and come out as they are
    # torch, not imported yet, goes by it: its threads else wait by spinning, on the core where a video is decoded
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        options = _parsed(arguments)
        status: int = options.run(options)
        print(end="", flush=True)  # not when Python exits: what fails then is a traceback
        return status
    except AvsyncError as error:
        complain(error)
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return 0


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Options may stand between names: argparse alone gives up on the names after them."""
    parser = _parser()
    options, late = parser.parse_known_args(arguments)
    if late and (any(word.startswith("-") for word in late) or not hasattr(options, "files")):
        parser.error(f"unrecognized arguments: {' '.join(late)}")
    if late and hasattr(options, "target"):
        names = [*options.files, options.target, *late]
        options.files, options.target = names[:-1], names[-1]
    elif late:
        options.files += late
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="avsync",
        description="Audio-visual synchronization.",
        epilog=STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"avsync {own_version()}")
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="verb")
    for verb in VERBS:
        verb.add(verbs)
    return parser
