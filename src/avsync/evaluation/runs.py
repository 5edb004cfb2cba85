"""What runs left behind: the runs of a folder as one table."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from avsync.errors import AvsyncError

SHOWN = (
    "test/offset_acc/k5",
    "test/offset_acc/k9",
    "test/offset_acc/k15",
    "test/pair_acc",
    "test/offset_mae_ms/k5",
    "test/retrieval/video_to_audio/r1",
    "test/retrieval/audio_to_video/r1",
    "test/classification/accuracy",
    "test/localization/pointing",
    "test/events/segment_f1",
)
"""Columns of the table, those that any run has; runs are in the order of the first that they have."""


def collect(folder: Path) -> list[dict[str, Any]]:
    """One row for every evaluated run below ``folder``: its path, what was overridden, and its metrics.

    Raises:
        AvsyncError: There is no metrics.json below it.
    """
    rows = []
    for path in sorted(folder.rglob("metrics.json")):
        overrides = path.parent / ".hydra" / "overrides.yaml"
        given = yaml.safe_load(overrides.read_text()) if overrides.is_file() else []
        rows.append({"run": str(path.parent), "overrides": " ".join(given), **json.loads(path.read_text())})
    if not rows:
        raise AvsyncError(f"{folder} holds no metrics.json; give a folder of finished runs, such as runs")
    return rows


def print_runs(rows: list[dict[str, Any]]) -> None:
    """The table on the terminal, the best first."""
    table, shown = Table(), [name for name in SHOWN if any(name in row for row in rows)]
    for name in ("run", "overrides", *(name.removeprefix("test/") for name in shown)):
        table.add_column(name, overflow="fold")
    for row in sorted(rows, key=lambda row: [-row.get(name, -1.0) for name in shown]):
        cells = (f"{row[name]:.3f}" if name in row else "" for name in shown)
        table.add_row(row["run"], row["overrides"], *cells)
    Console().print(table)


def write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    """Every column of every run.

    Raises:
        AvsyncError: The file cannot be written.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    try:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, names, restval="")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise AvsyncError(f"{path}: cannot be written ({error.strerror}); give another file") from error
