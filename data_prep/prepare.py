"""Footage to shards: ``python data_prep/prepare.py source=DIR out=DIR [recipe=folder] [stage=shards] [...]``."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import Any

from recipes import RECIPES, find

from avsync.data.clips import Settings
from avsync.data.engine import ENGINES
from avsync.data.job import STAGES
from avsync.data.preparation import account, prepare
from avsync.data.sources import Source
from avsync.errors import AvsyncError

HELP = {
    "recipe=folder": f"the layout of source: {', '.join(RECIPES)}",
    "splits=": "a,b: those alone; all of them when nothing is given",
    "crop=face": "or frame: the whole picture, for networks such as CAV-MAE",
    "size=96": "pixels of the crop's side",
    "min_seconds=2.0": "shorter stretches are dropped",
    "max_seconds=10.0": "longer ones are cut",
    "faces=split": "while several are on screen: split leaves that out, reject the whole piece, all keeps it",
    "min_face=32.0": "pixels of a face's width",
    "min_motion=0.3": "grey levels that a mouth changes by; less is a photograph",
    "clips_per_shard=20": "clips in each tar",
    "check=": "CKPT: keep what this network finds in sync",
    "max_offset=5": "frames that the check may correct",
    "deadline=120.0": "seconds without a new frame after which a file is given up",
    "stage=shards": f"the last to run: {', '.join(STAGES)}",
    "engine=joblib": f"of {', '.join(ENGINES)}; ray is a cluster",
    "workers=": "processes; one a core when nothing is given",
    "keep=false": "true: keep each file's clips, so that more files can be added later",
}
"""Every argument with its default."""
USAGE = "python data_prep/prepare.py source=DIR out=DIR [name=value ...]"

SETTINGS = {field.name: {"int": int, "float": float}.get(str(field.type), str) for field in fields(Settings)}
KINDS = SETTINGS | {"max_offset": int, "workers": int, "keep": bool}
NAMES = {"source", "out", *(line.partition("=")[0] for line in HELP)}
SAID = {int: "a whole number", float: "a number", bool: "true or false"}


def main(arguments: list[str]) -> int:
    """Prepare every split and print what was kept; exit status 2 with one line when it cannot be done."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE, "", *(f"  {line:<20} {words}" for line, words in HELP.items()), sep="\n")
        return 0
    try:
        given = read(arguments)
        settings = Settings(**{name: given.pop(name) for name in SETTINGS if name in given})
        source, out, stage = Path(given.pop("source")), Path(given.pop("out")), given.pop("stage", "shards")
        chosen = wanted(find(given.pop("recipe", "folder"))(source), given.pop("splits", None))
        check = sync_check(given.pop("check")) if "check" in given else None
        for split, sources in groupby(chosen, key=lambda one: one.split):
            folder = prepare(sources, out / split, settings, until=stage, check=check, **given)
            print(told(account(folder, stage), folder))
    except AvsyncError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 2
    return 0


def read(arguments: list[str]) -> dict[str, Any]:
    """What was given by name: text as it was typed, numbers as numbers; nothing for ``name=`` and ``name=null``.

    Raises:
        AvsyncError: An argument is none, is missing, or is not of its kind.
    """
    given: dict[str, Any] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or name not in NAMES:
            raise AvsyncError(f"{argument} is no argument; expected {USAGE}, or --help for their names")
        if text not in ("", "null"):
            given[name] = value(name, text, KINDS.get(name, str))
    if missing := {"source", "out"} - set(given):
        raise AvsyncError(f"{' and '.join(sorted(missing))} missing; expected {USAGE}, or --help for more")
    return given


def value(name: str, text: str, kind: type) -> Any:
    """The text of an argument as a value of its kind.

    Raises:
        AvsyncError: It is none.
    """
    try:
        found = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        found = math.nan
    if kind in SAID and not math.isfinite(found):
        raise AvsyncError(f"{name}={text} is not what it may be; expected {SAID[kind]}")
    return found


def wanted(sources: Iterator[Source], splits: str | None) -> list[Source]:
    """Those of the splits named, one split after the other.

    Raises:
        AvsyncError: A split that the data set does not have.
    """
    listed = sorted(sources, key=lambda one: one.split)
    known = {one.split for one in listed}
    names = known if splits is None else {name.strip() for name in splits.strip("[]").split(",")}
    if missing := names - known:
        raise AvsyncError(f"splits={','.join(sorted(missing))}: expected some of {', '.join(sorted(known))}")
    return [one for one in listed if one.split in names]


def sync_check(checkpoint: str) -> Any:
    """Whether clips are in sync, told by a trained network."""
    from avsync.alignment.check import SyncCheck  # torch takes seconds

    return SyncCheck(checkpoint)


def told(path: Path, folder: Path) -> str:
    """One line about a folder that was prepared, by its account."""
    summary = json.loads(path.read_text())
    dropped = ", ".join(f"{reason} {seconds:.0f} s" for reason, seconds in summary["seconds_dropped"].items())
    return (
        f"{folder}: {summary['clips']} clips from {summary['kept']} of {summary['sources']} files "
        f"({summary['failed']} failed), {summary['seconds_kept']:.0f} of {summary['seconds_in']:.0f} s kept"
        + (f"; dropped: {dropped}" if dropped else "")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
