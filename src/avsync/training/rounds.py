"""Train, score every training clip with what was trained, leave out what does not match, train again.

The SyncNet paper's way to clean what was gathered without labels (section on filtering). A round has a folder:

    run/round_1/   config.yaml, checkpoints/, metrics.json, report.html    what training makes
                   scores/             of each shard
                   verdicts.html       histograms, the line, what was dropped
                   verdicts.parquet    the last one written: the round is finished
    run/           the same of the last round

Every round judges every clip, also those left out before: what an early network dropped can come back.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import torch.distributed as ranks
from rich.console import Console

from avsync.alignment.filter import Filter
from avsync.alignment.verdicts import summary
from avsync.data.verdicts import DROP
from avsync.errors import AvsyncError
from avsync.evaluation.verdict_page import write_verdict_page
from avsync.media.atomic import whole_file

TABLE = "verdicts.parquet"
LEFT = ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "curves.npz", "report.html", "verdicts.html", TABLE,
        "config.yaml", "metrics.json")  # fmt: skip
"""What the last round leaves in the run's own folder, in this order: metrics.json says that the run is complete."""

SHARED = ("model", "seed", "data.train", "data.augment", "filter.search", "filter.correct", "rounds_from_scratch")
"""Settings that all rounds of a run have to share; how long, and on how many processes and devices, may change."""

Train = Callable[[dict[str, Any]], object]
"""Trains and evaluates with changes to the config."""


def can_judge(training: str) -> None:
    """Refuse what no rounds can be made of.

    Args:
        training: The class that trains, by its name.

    Raises:
        AvsyncError: The network finds no offsets by which clips are judged.
    """
    if not training.startswith("avsync.training.syncnet."):
        raise AvsyncError(
            f"rounds judge clips by the offsets that a SyncNet finds, and {training.rsplit('.', 1)[-1]} trains none; "
            "give rounds=1 or model=syncnet"
        )


def shared(config: Any) -> dict[str, Any]:
    """What all rounds of a run have to share, by name, out of its resolved config as a plain dict."""
    return {name: reduce(lambda part, word: part.get(word), name.split("."), config) for name in SHARED}


def run_rounds(
    train: Train,
    number: int,
    run: Path,
    *,
    shards: str | Path | Sequence[str | Path],
    judge: Filter,
    settings: dict[str, Any],
    scratch: bool = True,
) -> dict[str, float]:
    """The rounds of a run that are not finished yet. Called again on the same folder it goes on where it was killed.

    Args:
        train: One training with its evaluation.
        number: Of rounds.
        run: Its folder.
        shards: Folder of the training shards, or several.
        judge: Gives the verdicts.
        settings: Plain values by name which all rounds of a run have to share; see :func:`shared`.
        scratch: Train every round anew; otherwise from the weights of the round before.

    Returns:
        Metrics of the last round.

    Raises:
        AvsyncError: There are no rounds, or the folder's were begun with other settings.
    """
    if number < 1:
        raise AvsyncError(f"rounds={number}: expected 1 or more")
    _same(run / "rounds.json", settings)
    before: Path | None = None
    for turn in range(1, number + 1):
        folder = run / f"round_{turn}"
        if not (folder / TABLE).is_file():
            last = folder / "checkpoints" / "last.ckpt"
            changes: dict[str, Any] = {"paths": {"run": str(folder)}, "rounds": 1}
            if before is not None:
                changes["data"] = {"verdicts": str(before / TABLE)}
                if not scratch:
                    changes["model"] = {"init_from": str(before / "checkpoints" / "best.ckpt"), "init_parts": []}
            if before is not None or last.is_file():
                changes["checkpoint"] = str(last) if last.is_file() else None
            train(changes)
            if _first():
                _judge(judge, shards, folder, turn)
        _together()
        before = folder
    assert before is not None
    if _first():
        _leave(before, run)
    return json.loads((before / "metrics.json").read_text())


def _judge(judge: Filter, shards: str | Path | Sequence[str | Path], folder: Path, turn: int) -> None:
    judged = judge(shards, folder / "checkpoints" / "best.ckpt", folder / "scores")
    write_verdict_page(folder / "verdicts.html", judged)
    if all(row["verdict"] == DROP for row in judged.rows):  # unfinished: the same run may go on for more epochs
        raise AvsyncError(
            f"round {turn} found no clip in {', '.join(judged.about['shards'])} whose sound matches better than that "
            f"of others; see {folder / 'verdicts.html'}, and train longer (trainer.max_epochs) or look at the shards"
        )
    judged.save(folder / TABLE)
    Console().print(f"round {turn}: {summary(judged.rows)}; see {folder / 'verdicts.html'}")


def _same(path: Path, settings: dict[str, Any]) -> None:
    """Refuse to go on with rounds of another kind."""
    if path.is_file():
        begun = json.loads(path.read_text())
        other = [name for name, value in settings.items() if begun.get(name) != value]
        if other:
            raise AvsyncError(
                f"the rounds in {path.parent} were begun with another {', '.join(other)}; give another hydra.run.dir"
            )
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_text(json.dumps(settings, indent=1) + "\n")


def _first() -> bool:
    """True in the process that judges, of those that train together."""
    return not (ranks.is_available() and ranks.is_initialized()) or ranks.get_rank() == 0


def _together() -> None:
    """The others wait for it, which may take hours."""
    if ranks.is_available() and ranks.is_initialized():
        ranks.barrier(ranks.new_group(backend="gloo", timeout=timedelta(days=7)))


def _leave(last: Path, run: Path) -> None:
    for name in LEFT:
        if (last / name).is_file():
            (run / name).parent.mkdir(exist_ok=True)
            with whole_file(run / name) as partial:
                shutil.copyfile(last / name, partial)
