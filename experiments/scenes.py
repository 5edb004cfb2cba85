r"""What CAV-MAE Sync's parts are worth on drawn events, each by what is lost without it, over several seeds.

    python experiments/scenes.py --data data --out experiments/scenes.md [--seeds 1 2 3] [-- trainer.max_epochs=5]

Every row has the same pairs a step, steps and augmentation; what differs is the row's. DATA is where the drawn events
are or will be made; each run holds them in memory, 5.5 GB. Killed and started again, it goes on: the work folder keeps
what is finished, and a table is written of what there is after each run. What follows ``--`` goes to train.py.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from threading import Lock

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from common import ROOT, given, origin, train

ROWS = {
    "as configured": (),
    "pictures without their change": ("model.net.video_features.before=0",),
    "no registers": ("model.net.registers=0",),
    "no global token": ("model.net.global_token=false",),
    "sound of 0.32 s": ("model.net.audio_seconds=0.32",),
    "sound of 1.28 s": ("model.net.audio_seconds=1.28",),
    "temporal negatives, 2 pictures of 48 clips": (
        "model.temporal_gap=0.3",
        "data.frames_per_clip=2",
        "data.samples_per_clip=2",
        "data.batch_size=48",
    ),
    "cav_mae": ("model=cav_mae", "data.batch_size=96"),
}
SHOWN = {
    "R@1, picture to sound": "test/retrieval/video_to_audio/r1",
    "and back": "test/retrieval/audio_to_video/r1",
    "R@10": "test/retrieval/video_to_audio/r10",
    "own offset": "test/offset/clip_acc",
    "linear probe": "test/classification/accuracy",
    "pointing": "test/localization/pointing",
    "and with another's sound": "test/localization/pointing_other",
}


def main() -> None:
    """Train what is not trained, and write the page after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/scenes"), help="default runs/scenes")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, one thread each (default 2)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="default all")
    words, more = given()
    options = parser.parse_args(words)

    def run(one: tuple[int, str]) -> None:
        seed, row = one
        parts = ["~evaluation.parts.events", "~evaluation.parts.reconstruction"]  # not asked here
        chosen = ROWS[row] if "cav_mae" in row else ("model=cav_mae_sync", *ROWS[row])
        overrides = [*chosen, f"seed={seed}", f"paths.data={options.data}", *parts, *more]
        train(folder_of(options.work, row, seed), overrides, alone=False)
        with writing:
            options.out.write_text(page(options))

    writing = Lock()
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose("train", ["model=cav_mae_sync", f"paths.data={options.data.resolve()}"])
    instantiate(cfg.data.make)()  # before several runs want it
    with ThreadPoolExecutor(options.jobs) as pool:  # seed by seed, so that all rows are there early
        list(pool.map(run, product(options.seeds, options.rows)))
    print(options.out.read_text())


def folder_of(work: Path, row: str, seed: int) -> Path:
    """Where a run lies."""
    return work / f"{row.replace(',', '').replace(' ', '_')}_{seed}"


def page(options: argparse.Namespace) -> str:
    """The study as Markdown, of what is finished."""
    lines = []
    for row in options.rows:
        files = [folder_of(options.work, row, seed) / "metrics.json" for seed in options.seeds]
        runs = [json.loads(file.read_text()) for file in files if file.is_file()]
        if runs:
            lines.append(
                "| " + " | ".join([row, *(cell(runs, name) for name in SHOWN.values()), str(len(runs))]) + " |"
            )
    return "\n".join([
        "# CAV-MAE Sync's parts on drawn events",
        "",
        f"{origin()}. The script's docstring states the question.",
        "",
        "100 unseen clips. Mean over seeds, and in brackets the lowest and the highest. Own offset: the sound of the "
        "whole clip, moved by up to a quarter of its pictures, is likest where it was; chance is 1 in 9.",
        "",
        "| | " + " | ".join(SHOWN) + " | seeds |",
        "|---|" + "--:|" * (len(SHOWN) + 1),
        *lines,
    ]) + "\n"  # fmt: skip


def cell(runs: list[dict[str, float]], name: str) -> str:
    """Mean and range of a number that all runs have."""
    values = [run[name] for run in runs if name in run]
    if not values:
        return "–"
    middle = f"{np.mean(values):.3f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
