"""Do rounds clean a dirty set? Training on everything, in rounds, and with an oracle that knows the damage.

    python experiments/rounds.py data/synthetic_talkers/prepared --out experiments/rounds.md [-- trainer.max_epochs=8]

A share of the training clips is damaged (experiments/dirty_sets.py), validation and test stay clean. Runs with the same
number of epochs: on everything (which is the first round), in rounds, and on the clips that are not damaged.
The work folder keeps what is finished: killed and started again it goes on. What follows ``--`` goes to train.py;
with ``filter.correct=12`` rounds move clips that are shifted by up to 12 frames back; the oracle leaves them out.
Other arguments need another work folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from avsync.alignment.verdicts import SILENCE_DB, in_short
from avsync.data.dirty import KINDS, write_dirty
from avsync.data.shards import read_clips, read_index
from avsync.data.verdicts import CORRECTED, DROP, KEEP, read_table, write_table
from common import given, origin, train

MEANT = {
    "silence": {"silence"},
    "still face": {"still face"},
    "shifted": {"shifted slightly", "shifted"},
    "no match": {"dubbed", "shifted far", "voice-over", "wrong face"},
}
"""What a verdict's reason means: kinds of damage."""
SHOWN = ("test/offset_acc/k5", "test/offset_acc/k15", "test/pair_acc")

Row = dict[str, Any]
Truth = dict[str, dict[str, Any]]
"""By key what a clip's JSON says: ``damage`` and ``damage_frames``."""


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
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help=", ".join(KINDS))
    words, more = given()
    options = parser.parse_args(words)

    dirty, oracle = options.work / "dirty", options.work / "oracle.parquet"
    if not (dirty / "shards" / "index.json").is_file():
        write_dirty(options.prepared / "train", dirty, options.share, options.seed, kinds=options.kinds)
    truth = {clip.key: clip.meta for clip in read_clips(dirty)}
    rows = [{"key": key, "verdict": DROP if meta["damage"] else KEEP, "offset": 0} for key, meta in truth.items()]
    write_table(oracle, rows)
    data = [
        "data=shards",
        f"data.train={dirty}",
        *(f"data.{name}={options.prepared / name}" for name in ("val", "test")),
    ]
    train(options.work / "rounds", [*data, f"seed={options.seed}", f"rounds={options.rounds}", *more])
    for seed in (options.seed, *options.oracles):
        train(options.work / f"oracle_{seed}", [*data, f"seed={seed}", f"data.verdicts={oracle}", *more])
    options.out.write_text(page(options, truth))
    print(options.out.read_text())


def page(options: argparse.Namespace, truth: Truth) -> str:
    """The study as Markdown."""
    rounds = [options.work / "rounds" / f"round_{turn}" for turn in range(1, options.rounds + 1)]
    damaged = sum(meta["damage"] is not None for meta in truth.values())
    lines = [
        "# Do rounds clean a dirty set?",
        "",
        f"{origin()}, seed {options.seed}. "
        f"{len(truth)} training clips, {damaged} of them damaged; {clips(options.prepared / 'test')} clean test clips "
        "of other people. The script's docstring states the question.",
        "",
        *finding([read_table(folder / "verdicts.parquet")[0] for folder in rounds], truth),
        "",
        *accuracies(options, rounds),
    ]
    return "\n".join(lines) + "\n"


def finding(tables: list[list[Row]], truth: Truth) -> list[str]:
    """What the verdicts of each round found."""
    kinds = [kind for kind in KINDS if any(meta["damage"] == kind for meta in truth.values())]
    turns = [(f"round {turn}", rows) for turn, rows in enumerate(tables, 1)]
    return [
        "## Finding the damaged",
        "",
        "| verdicts after | not kept | precision | recall | " + " | ".join(kinds) + " |",
        "|---|" + "--:|" * (3 + len(kinds)),
        *(found(name, rows, truth, kinds) for name, rows in turns),
        "",
        "Precision: share of those dropped or corrected that are damaged. Recall: share of the damaged that are "
        "dropped or corrected, in all and by kind. "
        f"Silence (below {SILENCE_DB:.0f} dB) and still faces are told without the network.",
        "",
        "| verdicts after | " + " | ".join(f"says {reason}" for reason in MEANT) + " | corrected, exactly |",
        "|---|" + "--:|" * (1 + len(MEANT)),
        *(explained(name, rows, truth) for name, rows in turns),
        "",
        "Precision by what a verdict says: share of those clips that have damage of such a kind; `no match` means "
        f"{', '.join(kind for kind in KINDS if kind in MEANT['no match'])}. Exactly: moved by just the frames that "
        "they were shifted by.",
    ]


def accuracies(options: argparse.Namespace, rounds: list[Path]) -> list[str]:
    """What each round's network, and the oracle's, is worth on clean clips."""
    oracle = [metrics(options.work / f"oracle_{seed}") for seed in (options.seed, *options.oracles)]
    lines = [
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
    return lines


def found(name: str, rows: list[Row], truth: Truth, kinds: list[str]) -> str:
    """A row on what a table drops or corrects."""
    out = {row["key"] for row in rows if row["verdict"] != KEEP}
    damaged = {key for key, meta in truth.items() if meta["damage"]}
    cells = [name, str(len(out)), share(out & damaged, out), share(out & damaged, damaged)]
    for kind in kinds:
        those = {key for key, meta in truth.items() if meta["damage"] == kind}
        cells.append(share(out & those, those))
    return "| " + " | ".join(cells) + " |"


def explained(name: str, rows: list[Row], truth: Truth) -> str:
    """A row on whether a table's reasons are right, and its corrections."""
    cells = [name]
    for reason, kinds in MEANT.items():
        said = {row["key"] for row in rows if in_short(row["reason"]) == reason}
        cells.append(f"{share({key for key in said if truth[key]['damage'] in kinds}, said)} of {len(said)}")
    corrected = [row for row in rows if row["verdict"] == CORRECTED]
    exact = [row for row in corrected if row["offset"] == truth[row["key"]]["damage_frames"]]
    cells.append(f"{len(exact)} of {len(corrected)}")
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
