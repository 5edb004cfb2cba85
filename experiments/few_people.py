r"""A trained network goes on with people of whom there is one sentence each, and is calibrated on those it did not see.

    python experiments/few_people.py --begin CKPT --drawn data/synthetic_talkers/prepared --known KNOWN \
        --strangers STRANGERS --others OTHERS --work runs/few_people --out experiments/few_people.md

Three times the same training: with the first half of the strangers, with the second half, with all of them. The first
two tell what the third is worth on people it does not know, each on the other half, and from their answers there the
chance of the third is fitted: on its own people it would be sure of everything. WORK/all/checkpoints/last.ckpt is the
third one, with that chance.

- CKPT is what all begin with.
- DRAWN and KNOWN hold train, val and test; KNOWN is one real speaker. STRANGERS is a folder of shards of real people,
  in sync, one clip each.
- OTHERS are shards of real people of unknown offset, tested on alone: their clips are first moved by what CKPT finds.

Killed and started again, it goes on: WORK keeps what is finished.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import avsync
import common
from avsync.alignment.chance import Chance
from avsync.data.shards import Clip, read_clips
from avsync.data.verdicts import moved
from avsync.evaluation.calibration import answers, fit_chance
from avsync.evaluation.offsets import measure_clip
from avsync.evaluation.protocols import best_threshold, pair_distances
from avsync.models.checkpoints import calibrate
from common import origin
from people import answers as shares
from people import written

REPEATED = 16
"""How often each stranger's clip is in the training set: five are a fourteenth of an epoch of 1020 others."""
SHIFTS = (-10, -5, 0, 5, 10)
"""Frames by which each clip that calibrates is shifted in turn: ten clips at one shift each leave the fit to chance."""
SHORTEST = 50
"""Frames that a clip of OTHERS has at least after it was moved."""


def main() -> None:
    """Train what is not trained, calibrate, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("drawn", "known", "strangers", "others", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--begin", required=True, metavar="CKPT", help="a path or a name")
    parser.add_argument("--work", type=Path, default=Path("runs/few_people"), help="default runs/few_people")
    parser.add_argument("--steps", type=int, default=500, help="of each training (default 500)")
    parser.add_argument("--seed", type=int, default=4)
    options = parser.parse_args()

    strangers = list(read_clips(options.strangers))
    half = -(-len(strangers) // 2)
    halves = [strangers[:half], strangers[half:]]
    for name, clips in zip(("fold0", "fold1", "all"), (*halves, strangers), strict=True):
        train(name, clips, options)
    nets = [net_of(options.work / f"fold{number}") for number in (0, 1)]
    unseen = [(net, clip) for net, clips in zip(nets, reversed(halves), strict=True) for clip in clips]
    calibration = fitted(unseen, options.seed)
    calibrate(options.work / "all" / "checkpoints" / "last.ckpt", calibration)
    options.out.write_text(page(options, nets, halves, calibration))
    print(options.out.read_text())


def train(name: str, clips: list[Clip], options: argparse.Namespace) -> None:
    """One training."""
    few = written(options.work / f"few_{name}", clips, REPEATED)
    sets = [options.drawn / "train", options.known / "train", few]
    overrides = [
        "experiment=syncnet_faces", f"seed={options.seed}", f"model.init_from={options.begin}",
        f"data.train=[{','.join(map(str, sets))}]", f"data.val={options.known / 'val'}",
        f"data.test={options.known / 'test'}", "trainer.max_epochs=-1", f"+trainer.max_steps={options.steps}",
        "model.optimizer.lr=0.0005",
    ]  # fmt: skip
    common.train(options.work / name, overrides, alone=False)


def net_of(run: Path) -> Any:
    """The network of a finished training."""
    return avsync.load(run / "checkpoints" / "last.ckpt").net


def fitted(unseen: list[tuple[Any, Clip]], seed: int) -> dict[str, Any]:
    """The calibration by the answers of networks on people they did not see."""
    measured = [measure_clip(net, clip, shift) for net, clip in unseen for shift in SHIFTS]
    draw = torch.Generator().manual_seed(seed)
    pairs = [pair_distances(one.distances, one.true, draw) for one in measured]
    threshold = best_threshold(*(torch.cat(side) for side in zip(*pairs, strict=True)))
    return {"threshold": threshold, "chance": asdict(fit_chance(answers(measured)))}


def in_sync(net: Any, folder: Path) -> Iterator[Clip]:
    """Clips moved by what a network finds."""
    for clip in read_clips(folder):
        found = measure_clip(net, clip, 0).estimate()
        if found is not None and len(clip.frames) - abs(found.frames) >= SHORTEST:
            yield moved(clip, found.frames)


def page(options: argparse.Namespace, nets: list[Any], halves: list[list[Clip]], calibration: dict[str, Any]) -> str:
    """The study as Markdown."""
    begun, every = avsync.load(options.begin).net, net_of(options.work / "all")
    others = list(in_sync(begun, options.others))
    rows = [("what they begin with", begun, halves), ("the first half", nets[0], [None, halves[1]])]
    rows += [("the second half", nets[1], [halves[0], None]), ("all", every, [None, None])]
    lines = []
    for name, net, unseen in rows:
        cells = [shares(net, clips) if clips else "" for clips in unseen]
        cells += [
            shares(net, others),
            *(shares(net, read_clips(one / "test")) for one in (options.known, options.drawn)),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([
        "# One sentence of each of ten people more",
        "",
        f"{origin()}, {options.steps} steps each. The script's docstring states the question.",
        "",
        "Shares of answers within a frame from 5 and from 15 frames of speech, and how many whole clips.",
        "",
        "| goes on with | first half | second half | others | the known man, other sentences | drawn strangers |",
        "|---|--:|--:|--:|--:|--:|",
        *lines,
        "",
        f"Chance, fitted on the halves that were not seen: {Chance(**calibration['chance'])}.",
    ]) + "\n"  # fmt: skip


if __name__ == "__main__":
    main()
