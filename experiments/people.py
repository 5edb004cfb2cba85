r"""How accuracy on strangers grows with the people that a network was trained on.

    python experiments/people.py --drawn data/synthetic_talkers/prepared --known KNOWN --strangers STRANGERS \
        --others OTHERS --verdicts TABLE --out experiments/people.md [-- model.optimizer.lr=1e-3]

Every run has the same network, steps and augmentation; what differs is who is in the training set.

- DRAWN and KNOWN hold train, val and test; KNOWN is one real speaker.
- STRANGERS is a folder of shards of real people, in sync, one clip each. They are tested on by runs that did not see
  them: none, or the other half of them.
- OTHERS are real people of unknown offset, and TABLE what `avsync filter OTHERS --checkpoint syncnet --correct 15` says
  about them: every clip that it keeps or corrects is moved by its offset, to the frame, the rest is left out.

Real clips that are few are repeated, so that an epoch sees enough of them. Killed and started again, it goes on: the
work folder keeps what is finished. What follows ``--`` goes to train.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import avsync
import common
from avsync.data.correct import encoded
from avsync.data.pairs import TOLERANCE
from avsync.data.shards import Clip, read_clips, write_shards
from avsync.data.verdicts import DROP, moved, read_table
from avsync.evaluation.offsets import measure_clip, shift_of
from avsync.evaluation.protocols import offset_errors
from common import given, origin

REPEATED = 8
"""How often each clip of people who are few is in the training set: with 600 others they are a tenth of an epoch."""


@dataclass(frozen=True)
class Row:
    """A line of the table: who is trained on, and which strangers are left to test on."""

    name: str
    drawn: int
    known: bool
    strangers: tuple[int, ...]  # halves
    others: bool


ROWS = (
    Row("drawn people", 600, False, (), False),
    Row("one real man", 0, True, (), False),
    Row("one real man, drawn people", 150, True, (), False),
    Row("one real man, drawn people", 600, True, (), False),
    Row("the same and the first half of the strangers", 600, True, (0,), False),
    Row("the same and the second half of the strangers", 600, True, (1,), False),
    Row("one real man, drawn people, and the others", 600, True, (), True),
)


def main() -> None:
    """Train what is not trained, test, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("drawn", "known", "strangers", "others", "verdicts", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/people"), help="default runs/people")
    parser.add_argument("--steps", type=int, default=900, help="of each run (default 900)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once, one thread each (default 2)")
    parser.add_argument("--seed", type=int, default=1)
    words, more = given()
    options = parser.parse_args(words)

    strangers = list(read_clips(options.strangers))
    half = -(-len(strangers) // 2)
    halves = [strangers[:half], strangers[half:]]
    others = in_sync(read_clips(options.others), options.verdicts)
    options.work.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda row: train(row, options, more, halves, others), ROWS))
    lines = [line(row, options, halves, others) for row in ROWS]
    options.out.write_text(page(options, lines, strangers, others))
    print(options.out.read_text())


def in_sync(clips: Iterable[Clip], verdicts: Path) -> list[Clip]:
    """Those that a table of verdicts does not drop, moved by the offset it tells, small ones too."""
    offset = {row["key"]: row["offset"] for row in read_table(verdicts)[0] if row["verdict"] != DROP}
    return [moved(clip, offset[clip.key]) for clip in clips if clip.key in offset]


def folder_of(row: Row, work: Path) -> Path:
    """Where a row's data and run lie."""
    parts = [f"drawn{row.drawn}", "known" * row.known, "others" * row.others]
    return work / "_".join(part for part in (*parts, *(f"strangers{half}" for half in row.strangers)) if part)


def train(row: Row, options: argparse.Namespace, more: list[str], halves: list[list[Clip]], others: list[Clip]) -> None:
    """One run, with the sets that it wants."""
    run = folder_of(row, options.work)
    if (run / "metrics.json").is_file():
        return
    sets = []
    if row.drawn:
        sets.append(written(run / "drawn", first(options.drawn / "train", row.drawn), 1))
    if row.known:
        sets.append(options.known / "train")
    few = [clip for half in row.strangers for clip in halves[half]] + others * row.others
    if few:
        sets.append(written(run / "few", few, REPEATED))
    tested = options.known if row.known else options.drawn
    overrides = [
        "experiment=syncnet_faces", f"seed={options.seed}",
        f"data.train=[{','.join(map(str, sets))}]", f"data.val={tested / 'val'}", f"data.test={tested / 'test'}",
        "trainer.max_epochs=-1", f"+trainer.max_steps={options.steps}", *more,
    ]  # fmt: skip
    common.train(run, overrides, alone=False)


def first(folder: Path, number: int) -> Iterator[Clip]:
    """The first clips of a set."""
    for count, clip in enumerate(read_clips(folder)):
        if count == number:
            return
        yield clip


def written(out: Path, clips: Iterable[Clip], times: int) -> Path:
    """Clips as a folder of shards, each ``times`` times by keys of its own."""
    if not (out / "shards" / "index.json").is_file():
        copies = (replace(clip, key=f"{clip.key}-{turn}") for clip in clips for turn in range(times))
        write_shards((encoded(clip.key, clip.frames, clip.audio, clip.meta) for clip in copies), out)
    return out


def line(row: Row, options: argparse.Namespace, halves: list[list[Clip]], others: list[Clip]) -> str:
    """A row's answers on everybody whom it did not see."""
    net = avsync.load(str(folder_of(row, options.work) / "checkpoints" / "last.ckpt")).net
    unseen = [clip for half, clips in enumerate(halves) if half not in row.strangers for clip in clips]
    cells = [
        row.name,
        str(row.drawn),
        answers(net, unseen),
        "" if row.others else answers(net, others),
        answers(net, read_clips(options.known / "test")) if row.known else "",
        answers(net, read_clips(options.drawn / "test")),
    ]
    return "| " + " | ".join(cells) + " |"


def answers(net: Any, clips: Iterable[Clip]) -> str:
    """Share of answers from 5 and from 15 frames of speech within a frame, and of whole clips."""
    right: dict[int, list[bool]] = {5: [], 15: []}
    whole = []
    for clip in clips:
        shift = shift_of(clip.key, 0)
        measured = measure_clip(net, clip, shift)
        estimate = measured.estimate()
        if estimate is None:
            continue
        whole.append(abs(estimate.frames - shift) <= TOLERANCE)
        for frames, found in right.items():
            errors, spoken = offset_errors(measured.distances, measured.speech, shift, frames)
            found.extend((errors[spoken].abs() <= TOLERANCE).tolist())
    return f"{np.mean(right[5]):.3f} / {np.mean(right[15]):.3f} ({sum(whole)} of {len(whole)})"


def page(options: argparse.Namespace, lines: list[str], strangers: list[Clip], others: list[Clip]) -> str:
    """The study as Markdown."""
    return "\n".join([
        "# Who is trained on, and what that gives on strangers",
        "",
        f"{origin()}, seed {options.seed}, "
        f"{options.steps} steps each. The script's docstring states the question.",
        "",
        "Shares of answers within a frame from 5 and from 15 frames of speech, and how many whole clips.",
        f"{len(strangers)} strangers of one clip; {len(others)} clips of others, against the offset that the "
        "checkpoint that ships finds for the whole clip.",
        "",
        "| trained on | drawn people | strangers | others | the known man, other sentences | drawn strangers |",
        "|---|--:|--:|--:|--:|--:|",
        *lines,
    ]) + "\n"  # fmt: skip


if __name__ == "__main__":
    main()
