"""What the verbs share: their files, their checkpoint, one row a file, one line an error."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from avsync.alignment.chance import MIN_CHANCE
from avsync.cli.bar import Bar
from avsync.cli.listed import listed, once
from avsync.cli.pool import cores, here, spread
from avsync.cli.results import Results
from avsync.errors import AvsyncError

if TYPE_CHECKING:
    from avsync.models.shipped import Measurer

UNUSABLE = 2
"""Exit status: at least one input could not be used."""

CHECKPOINT = (
    "a path, a name that ships, or hub:OWNER/REPO (default: that of the newest run in ./runs, else the one that ships)"
)

CROP = "face: find and follow faces (default); none: the picture is a face crop already"

DEADLINE = 600.0

FAR = 3_600_000
"""Milliseconds that a given offset may be, either way: an hour."""

_NOT_SETTINGS = ("files", "list", "json", "out", "retry", "workers", "deadline", "run", "force")

Progress = Callable[[float], None]
"""Told the share of a file that is done, 0...1."""


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Arguments of a verb that takes files, one by one or many."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="a video with a face and sound, or a folder of them")
    parser.add_argument("--list", metavar="FILE", help="more of them, one path a line; - reads stdin")
    parser.add_argument("--json", action="store_true", help="one object a line, one line a file")
    parser.add_argument(
        "--out", metavar="RESULTS.jsonl",
        help="write rows there instead, and go on where an earlier run was stopped; a bad file is a row too",
    )  # fmt: skip
    parser.add_argument("--retry", action="store_true", help="with --out: try what could not be used before once more")
    parser.add_argument(
        "--workers", type=number(1, kind=int), metavar="N", help="processes (default: 1, with --out one a core)"
    )
    parser.add_argument(
        "--deadline", type=number(0), default=DEADLINE, metavar="SECONDS",
        help=f"give a file up when it has made no progress for so long (default {DEADLINE:.0f}; 0: never)",
    )  # fmt: skip


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Arguments of a verb that measures with a network."""
    parser.add_argument("--checkpoint", metavar="CKPT", help=CHECKPOINT)
    parser.add_argument("--crop", choices=("face", "none"), default="face", help=CROP)
    parser.add_argument(
        "--min-chance", type=number(0, 1), default=MIN_CHANCE, metavar="P",
        help=f"say undecided when the chance to be right within a frame is lower (default {MIN_CHANCE})",
    )  # fmt: skip


def number(least: float, most: float = math.inf, kind: type = float) -> Callable[[str], Any]:
    """The type of an argument: a finite number, or with ``int`` a whole one, that lies within limits."""
    wanted = "a whole number" if kind is int else "a number"
    limits = f"of at least {least:.15g}" if math.isinf(most) else f"from {least:.15g} to {most:.15g}"

    def parsed(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most or math.isinf(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted} {limits}")
        return value

    return parsed


def pinned(options: argparse.Namespace) -> Measurer:
    """The network that measures, told and named in ``options``: a training may end before the last file is done.

    Raises:
        AvsyncError: There is none; told once, before the first file.
    """
    from avsync.api import checkpoint_of  # torch takes seconds: not for --help

    loaded = checkpoint_of(options.checkpoint)
    options.checkpoint = loaded.name
    if not options.json:
        print(f"checkpoint: {loaded.name}", flush=True)
    return loaded


def each(
    options: argparse.Namespace,
    work: Callable[[str, Progress], dict[str, Any]],
    text: Callable[[dict[str, Any]], str],
    status: Callable[[dict[str, Any]], int] = lambda row: 0,
    files: Iterable[str] | None = None,
) -> int:
    """Do a verb's work on every file that was given and print its row; a bad file does not stop the others.

    The row of a file that cannot be used says why: a line on stderr, and with ``--json`` a row as well. With ``--out``
    rows are written there instead, and files that have one already are not done again.

    Args:
        options: With what :func:`add_inputs` added.
        work: File and progress to the row of the file, plain values; can be pickled. A call of progress is a sign of
            life: a file without one for ``--deadline`` seconds is given up.
        text: What a person reads of a row.
        status: The exit status that a row asks for.
        files: To be done; None for those that ``options`` name.

    Returns:
        2 if a file could not be used, else the highest exit status of all rows.

    Raises:
        AvsyncError: There is nothing to do, or ``--out`` cannot be gone on with.
    """
    if options.retry and not options.out:
        raise AvsyncError("--retry takes up the rows of an earlier run; name them, --out RESULTS.jsonl")
    given = listed(options.files, options.list) if files is None else list(files)
    unsure = 0
    with Results(options.out, settings_of(options), options.retry) if options.out else nullcontext() as results:
        rows = results.rows() if results else iter(())
        counts = Counter(UNUSABLE if "error" in row else status(row) for row in rows)
        left = once(given, results.files) if results else given
        with Bar(left) as bar:
            for row in _rows(options, work, left, bar):
                bar.finished(row["file"])
                counts[UNUSABLE if "error" in row else status(row)] += 1
                unsure += _unsure(row)
                bar.pause()
                _say(row, results, json.dumps if options.json else text, options.json)
                bar.resume()
    if not options.json:
        if options.out:
            print(f"{options.out}: {sum(counts.values())} files, {counts[UNUSABLE]} of them could not be used")
        if unsure:
            _advise(options.checkpoint)
    return UNUSABLE if counts[UNUSABLE] else max(counts, default=0)


def _rows(options: argparse.Namespace, work: Any, files: list[str], bar: Bar) -> Iterator[dict[str, Any]]:
    workers = options.workers or (cores() if options.out else 1)
    if workers == 1 and not options.out:
        return here(work, files, options.deadline, bar.told)
    return spread(work, files, workers, options.deadline, bar.told)


def _say(row: dict[str, Any], results: Results | None, text: Callable[[dict[str, Any]], str], every: bool) -> None:
    if results:
        results.add(row)
    elif every or "error" not in row:
        print(text(row), flush=True)
    if "error" in row:
        complain(AvsyncError(row["error"]))


def _unsure(row: dict[str, Any]) -> bool:
    """Whether there was something to compare and no answer that is likely enough."""
    return "undecided" in (row.get("verdict"), row.get("kind")) and row.get("chance") is not None


def _advise(checkpoint: str) -> None:
    """What to do about undecided answers of a network that knows little but drawn faces."""
    from avsync import models
    from avsync.models.shipped import DEFAULT

    if DEFAULT in models.names() and checkpoint not in models.names():
        print(f"undecided by {checkpoint}: try --checkpoint {DEFAULT}")


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """What a verb's rows depend on: every option but those that say which files are done, how fast, over what."""
    settings = {name: value for name, value in sorted(vars(options).items()) if name not in _NOT_SETTINGS}
    for name, weights in (("checkpoint", "weights"), ("lse", "lse_weights")):
        if settings.get(name):
            from avsync.models.shipped import find

            content = find(settings[name]).read_bytes()  # a training may have written it anew
            settings[weights] = hashlib.sha256(content).hexdigest()[:16]
    return settings


def complain(error: AvsyncError) -> None:
    """One line for the user."""
    print(f"avsync: {error}", file=sys.stderr)
