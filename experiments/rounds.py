"""Do rounds clean a dirty set? Training on everything, in rounds, and with an oracle that knows the damage.

    python experiments/rounds.py data/synthetic_talkers/prepared --out experiments/rounds.md [-- trainer.max_epochs=8]

A share of the training clips is damaged (experiments/dirty_sets.py), validation and test stay clean. Runs with the same
number of epochs: on everything (which is the first round), in rounds, and on the clips that are not damaged.
The work folder keeps what is finished: killed and started again it goes on. What follows ``--`` goes to train.py.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from avsync.alignment.verdicts import SILENCE_DB
from avsync.data.dirty import KINDS, write_dirty
from avsync.data.shards import read_clips, read_index
from avsync.data.verdicts import DROP, KEEP, read_table, write_table
from common import given, origin, train

SHOWN = ("test/offset_acc/k5", "test/offset_acc/k15", "test/pair_acc")


def main() -> None:
    """Make the set, run what is not finished, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prepared", type=Path, help="folder with train, val and test, all clean")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/rounds"), help="default runs/rounds")
    parser.add_argument("--share", type=float, default=0.3, help="of training clips that are damaged (default 0.3)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--oracles", type=int, nargs="*", default=[], help="more seeds of the oracle, for its spread")
    words, more = given()
    options = parser.parse_args(words)

    dirty, oracle = options.work / "dirty", options.work / "oracle.parquet"
    if not (dirty / "shards" / "index.json").is_file():
        write_dirty(options.prepared / "train", dirty, options.share, options.seed)
    truth = {clip.key: clip.meta["damage"] for clip in read_clips(dirty)}
    rows = [{"key": key, "verdict": DROP if damage else KEEP, "offset": 0} for key, damage in truth.items()]
    write_table(oracle, rows)
    data = [
        "data=shards",
        f"data.train={dirty}",
        *(f"data.{name}={options.prepared / name}" for name in ("val", "test")),
    ]
    train(options.work / "rounds", [*data, f"seed={options.seed}", f"rounds={options.rounds}", *more])
    for seed in (options.seed, *options.oracles):
        train(options.work / f"oracle_{seed}", [*data, f"seed={seed}", f"data.verdicts={oracle}", *more])
    options.out.write_text(page(options, truth, more))
    print(options.out.read_text())


def page(options: argparse.Namespace, truth: dict[str, str | None], more: list[str]) -> str:
    """The study as Markdown."""
    rounds = [options.work / "rounds" / f"round_{turn}" for turn in range(1, options.rounds + 1)]
    oracle = [metrics(options.work / f"oracle_{seed}") for seed in (options.seed, *options.oracles)]
    damaged = sum(damage is not None for damage in truth.values())
    lines = [
        "# Do rounds clean a dirty set?",
        "",
        f"{origin()}, seed {options.seed}. "
        f"{len(truth)} training clips, {damaged} of them damaged; {clips(options.prepared / 'test')} clean test clips "
        "of other people. The script tells the question.",
        "",
        "## Finding the damaged",
        "",
        "| verdicts after | dropped | precision | recall | " + " | ".join(KINDS) + " |",
        "|---|" + "--:|" * (3 + len(KINDS)),
        *(found(f"round {turn}", folder / "verdicts.parquet", truth) for turn, folder in enumerate(rounds, 1)),
        "",
        "Precision: share of the dropped that are damaged. Recall: share of the damaged that are dropped, in all and "
        f"by kind. Silence (below {SILENCE_DB:.0f} dB) and still faces are told without the network.",
        "",
        "## Accuracy on clean clips",
        "",
        "| trained on | k5 | k15 | pairs | gap closed, k5 | gap closed, pairs |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    first = metrics(rounds[0])
    best = {name: float(np.mean([run[name] for run in oracle])) for name in SHOWN}
    for turn, folder in enumerate(rounds, 1):
        name = "everything (round 1)" if turn == 1 else f"what round {turn - 1} kept (round {turn})"
        lines.append(accuracy(name, metrics(folder), first, best))
    for seed, run in zip((options.seed, *options.oracles), oracle, strict=True):
        lines.append(accuracy(f"what is not damaged (oracle, seed {seed})", run, first, best))
    lines += ["", "Gap closed: (round - round 1) / (oracle - round 1), the oracle's mean over its seeds. Training "
              "differs from seed to seed: a gap of a point or two says nothing without more of them."]  # fmt: skip
    return "\n".join(lines) + "\n"


def found(name: str, table: Path, truth: dict[str, str | None]) -> str:
    """A row on what a table drops or corrects."""
    out = {row["key"] for row in read_table(table)[0] if row["verdict"] != KEEP}
    damaged = {key for key, damage in truth.items() if damage}
    cells = [name, str(len(out)), share(out & damaged, out), share(out & damaged, damaged)]
    for kind in KINDS:
        those = {key for key, damage in truth.items() if damage == kind}
        cells.append(share(out & those, those))
    return "| " + " | ".join(cells) + " |"


def share(part: set[str], whole: set[str]) -> str:
    """As a table shows it."""
    return f"{len(part) / len(whole):.3f}" if whole else "–"


def accuracy(name: str, run: dict[str, float], first: dict[str, float], best: dict[str, float]) -> str:
    """A row on a run."""
    closed = []
    for metric in (SHOWN[0], SHOWN[2]):
        gap = best[metric] - first[metric]
        closed.append(f"{(run[metric] - first[metric]) / gap:.2f}" if gap > 0 else "no gap")
    return "| " + " | ".join([name, *(f"{run[metric]:.3f}" for metric in SHOWN), *closed]) + " |"


def metrics(run: Path) -> dict[str, float]:
    """Of a finished run."""
    return json.loads((run / "metrics.json").read_text())


def clips(folder: Path) -> int:
    """In a folder of shards."""
    return sum(row["samples"] for row in read_index(folder))


if __name__ == "__main__":
    main()
