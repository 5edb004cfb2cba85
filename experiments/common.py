"""What studies share: a training as a process of its own that is done once, and what a page says of its origin."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent


def train(run: Path, overrides: Sequence[str], *, alone: bool = True) -> None:
    """Run train.py unless ``run`` is finished; one that was interrupted goes on from its last checkpoint.

    Args:
        run: The run's folder.
        overrides: For train.py.
        alone: Otherwise others run beside it: one thread, and what it says goes to a log beside its folder.

    Raises:
        CalledProcessError: It failed.
    """
    if (run / "metrics.json").is_file():
        return
    last = run / "checkpoints" / "last.ckpt"
    resumed = [f"checkpoint={last}"] if last.is_file() else []
    command = [sys.executable, str(ROOT / "train.py"), *overrides, *resumed, f"hydra.run.dir={run}"]
    if alone:
        subprocess.run(command, check=True)
        return
    run.parent.mkdir(parents=True, exist_ok=True)
    with (run.parent / f"{run.name}.log").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})


def given() -> tuple[list[str], list[str]]:
    """The command's arguments: a study's own, and what follows ``--`` and goes to train.py."""
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    return words[:cut], words[cut + 1 :]


def origin() -> str:
    """The command and the commit, for the first line of a page."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return f"`python {shlex.join(sys.argv)}` at commit {git.stdout.strip() or 'unknown'}"
