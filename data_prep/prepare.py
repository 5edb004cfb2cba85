"""Footage to shards: ``python data_prep/prepare.py source=DIR out=DIR [recipe=folder] [stage=shards] [...]``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from recipes import find

from avsync.data.clips import Settings
from avsync.data.preparation import prepare
from avsync.data.sources import Source
from avsync.errors import AvsyncError

SETTINGS = {field.name: field.type for field in fields(Settings)}
OWN = ("source", "out", "recipe", "splits", "stage", "check", "max_offset", "workers", "engine", "keep")
USAGE = f"expected source=DIR out=DIR and, if wanted, {', '.join(f'{name}=' for name in (*OWN[2:], *SETTINGS))}"


def main(arguments: list[str]) -> int:
    """Prepare every split and print what was kept; exit status 2 with one line when it cannot be done."""
    given: Any = OmegaConf.to_container(OmegaConf.from_cli(arguments))
    try:
        if unknown := set(given) - set(OWN) - set(SETTINGS) or {"source", "out"} - set(given):
            raise AvsyncError(f"{', '.join(sorted(map(str, unknown)))}: unknown or missing; {USAGE}")
        settings = Settings(**{name: given.pop(name) for name in SETTINGS if name in given})
        checkpoint = given.pop("check", None)
        check = sync_check(checkpoint) if checkpoint else None
        source, out, stage = Path(given.pop("source")), Path(given.pop("out")), given.pop("stage", "shards")
        chosen = wanted(find(given.pop("recipe", "folder"))(source), given.pop("splits", None))
        for split, sources in groupby(chosen, key=lambda one: one.split):
            folder = prepare(sources, out / split, settings, until=stage, check=check, **given)
            print(told(folder))
    except AvsyncError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 2
    return 0


def wanted(sources: Iterator[Source], splits: Any) -> list[Source]:
    """Those of the splits named, one split after the other.

    Raises:
        AvsyncError: A split that the data set does not have.
    """
    listed = sorted(sources, key=lambda one: one.split)
    known = {one.split for one in listed}
    names = known if splits is None else set(splits if isinstance(splits, list) else str(splits).split(","))
    if missing := names - known:
        raise AvsyncError(f"splits={','.join(sorted(missing))}: expected some of {', '.join(sorted(known))}")
    return [one for one in listed if one.split in names]


def sync_check(checkpoint: str) -> Any:
    """Whether clips are in sync, told by a trained network."""
    from avsync.alignment.check import SyncCheck  # torch takes seconds

    return SyncCheck(checkpoint)


def told(folder: Path) -> str:
    """One line about a folder that was prepared."""
    summary = json.loads((folder / "summary.json").read_text())
    dropped = ", ".join(f"{reason} {seconds:.0f} s" for reason, seconds in summary["seconds_dropped"].items())
    return (
        f"{folder}: {summary['clips']} clips from {summary['kept']} of {summary['sources']} files "
        f"({summary['failed']} failed), {summary['seconds_kept']:.0f} of {summary['seconds_in']:.0f} s kept"
        + (f"; dropped: {dropped}" if dropped else "")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
