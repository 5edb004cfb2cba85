"""Videos to shards: ``python data_prep/prepare.py source=DIR out=DIR [size=96] [max_seconds=10] [workers=2]``."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from avsync.data.preparation import Settings, prepare
from avsync.errors import AvsyncError

USAGE = "expected source=DIR out=DIR and, if wanted, size=, min_seconds=, max_seconds=, workers="


def main(arguments: list[str]) -> int:
    """Prepare and print what was kept; exit status 2 with one line when it cannot be done."""
    given: Any = OmegaConf.to_container(OmegaConf.from_cli(arguments))
    known = {field.name for field in fields(Settings)} | {"source", "out", "workers"}
    try:
        if unknown := set(given) - known or {"source", "out"} - set(given):
            raise AvsyncError(f"{', '.join(sorted(map(str, unknown)))}: unknown or missing; {USAGE}")
        source, out, workers = given.pop("source"), given.pop("out"), given.pop("workers", None)
        folder = prepare(source, out, Settings(**given), workers=workers)
    except AvsyncError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 2
    summary = json.loads((Path(folder) / "summary.json").read_text())
    print(
        f"{summary['clips']} clips from {summary['kept']} of {summary['sources']} videos, "
        f"{summary['seconds_kept']:.0f} of {summary['seconds_in']:.0f} s kept; see {folder}/summary.json"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
