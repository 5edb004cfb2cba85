"""Measure a CAV-MAE network on scenes: embed every clip once, ask each part, write metrics.json and the report."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from avsync.errors import AvsyncError
from avsync.evaluation.embeddings import Found, Part, Split, embed_split, save_embeddings
from avsync.evaluation.page import table, training_curve, write_page
from avsync.media.atomic import whole_file
from avsync.models.cav_mae import CavMae
from avsync.models.checkpoints import calibrate, load

SPLITS = ("train", "val", "test")


class ScenesEvaluation:
    """What CAV-MAE networks are measured by: any of retrieval, classification, localization, events, reconstruction.

    Args:
        train: Folder of shards, or several, for the parts that fit on training clips.
        parts: By any name; each is asked in turn.
        train_clips: Training clips that are embedded at most; None for all.
        progress: Show bars and print the table.
    """

    needs_checkpoint = True

    def __init__(
        self,
        train: str | Path | Sequence[str | Path],
        parts: Mapping[str, Part],
        train_clips: int | None = None,
        progress: bool = True,
    ):
        self.train = [Path(folder) for folder in ([train] if isinstance(train, str | Path) else train)]
        self.parts, self.train_clips, self.progress = list(parts.values()), train_clips, progress

    def __call__(self, checkpoint: Path, val: Path, test: Path, run: Path) -> dict[str, float]:
        """Evaluate ``checkpoint`` and fill the run folder.

        Args:
            checkpoint: Evaluated; what was fitted on ``val`` is stored in it, under the parts' names.
            val: Folder of shards on which thresholds are fitted.
            test: Folder of shards that is measured.
            run: Where embeddings.npz, report.html and metrics.json go.

        Returns:
            What metrics.json holds: fractions in 0...1, errors in ms.

        Raises:
            AvsyncError: The checkpoint holds a network of another kind, or the clips lack what a part needs.
        """
        net, calibration = load(checkpoint, "cuda" if torch.cuda.is_available() else "cpu")
        if not isinstance(net, CavMae):
            raise AvsyncError(
                f"{checkpoint} holds a {type(net).__name__}, these evaluations measure a CavMae; "
                "give another checkpoint or evaluation=offset"
            )
        splits = self._embed(net, {"train": self.train, "val": [val], "test": [test]})
        save_embeddings(splits["test"], run / "embeddings.npz")
        found = {part.name: part(net, splits) for part in self.parts}
        fitted = {name: one.calibration for name, one in found.items() if one.calibration}
        if fitted:
            calibrate(checkpoint, {**calibration, **fitted})
        metrics: dict[str, float] = {"test/clips": len(splits["test"].keys)}
        metrics |= {f"test/{name}": value for one in found.values() for name, value in one.metrics.items()}
        write_scene_report(run, found)
        with whole_file(run / "metrics.json") as partial:  # the last one written: the run is complete
            partial.write_text(json.dumps(metrics, indent=1) + "\n")
        if self.progress:
            print_found(found, run)
        return metrics

    def _embed(self, net: CavMae, folders: Mapping[str, list[Path]]) -> dict[str, Split]:
        splits = {}
        for name in SPLITS:
            asked = [part for part in self.parts if name in part.splits]
            if asked or name == "test":
                looking = [] if name == "train" else asked
                most = self.train_clips if name == "train" else None
                splits[name] = embed_split(
                    net, folders[name], looking, what=f"embedding {name}", progress=self.progress, most=most
                )
        return splits


def write_scene_report(run: Path, found: Mapping[str, Found]) -> Path:
    """Write ``run/report.html`` and return its path.

    Args:
        run: The run folder; its ``logs/metrics.csv``, if there, gives the training curve.
        found: What each part found out, by its name.
    """
    parts = [f"<h1>avsync: {html.escape(run.name)}</h1>"]
    head = ("", "measured", "chance")
    for name, one in found.items():
        if one.rows:
            parts.append(f"<h2>{name.capitalize()}</h2>" + table(head, [(r.name, r.value, r.chance) for r in one.rows]))
    logged = run / "logs" / "metrics.csv"
    parts.append(training_curve(logged, *_logged(logged)))
    for name, one in found.items():
        if one.page:
            parts += [f"<h2>{name.capitalize()}: examples</h2>", *one.page]
    return write_page(run / "report.html", "avsync report", parts)


def _logged(path: Path) -> tuple[list[str], list[str]]:
    """Names of the losses that were followed, and of retrieval on validation."""
    if not path.is_file():
        return [], []
    with path.open(newline="") as stream:
        names = sorted(next(csv.reader(stream), []))
    losses = [name for name in names if name.rpartition("/")[2] in ("loss", "contrast", "reconstruction")]
    return losses, [name for name in names if name.startswith("val/retrieval")]


def print_found(found: Mapping[str, Found], run: Path) -> None:
    """The table that a run ends with."""
    console = Console()
    shown = Table("", "measured", "chance", title="Scenes")
    rows: list[Any] = [one.rows for one in found.values() if one.rows]
    for part in rows:
        for row in part:
            shown.add_row(row.name, row.value, row.chance, end_section=row is part[-1])
    console.print(shown)
    console.print(f"report: {run / 'report.html'}")
