"""How the measured offset moves on real footage when a file is shifted by a known amount.

    python experiments/real_clips.py CLIPS --checkpoint runs/NAME/checkpoints/best.ckpt --out experiments/real_clips.md

CLIPS holds one folder a set. Every file is copied with its sound moved by timestamps alone and measured as
``avsync offset`` measures it. Ordinary footage is itself a few frames out of sync and nobody knows by how much, so
what counts is how the answer moves: measured(x) - measured(0) against x, within one frame. Where a set is known to be
in sync (--synced NAME), the distance of measured(0) to 0 is told too. With answers of chance, within one frame of the
truth for both of two measurements, a shift would be followed in about one case in ten.

The second table is the field's protocol on the same files, prepared into face clips: how many single answers, from 5 or
15 frames of speech, lie within a frame of 0 where a set is in sync, elsewhere of what the whole clip says.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.progress import track

import avsync
from avsync import clock
from avsync.alignment.measure import FileResult, measure
from avsync.data.clips import Settings
from avsync.data.pairs import TOLERANCE
from avsync.data.preparation import prepare
from avsync.data.shards import read_clips
from avsync.data.sources import Source, videos
from avsync.errors import AvsyncError
from avsync.evaluation.offsets import measure_clip
from avsync.evaluation.protocols import offset_errors
from avsync.media.probe import probe
from avsync.media.remux import shift_audio
from avsync.models.syncnet import SyncNet
from common import origin

SHIFTS = (-0.4, -0.12, 0.12, 0.4)
FRAME = 1.5 / clock.FPS
"""Seconds: an answer rounded to frames is within one frame of the truth below this."""
LONG = 3.0
"""Seconds from which on a file should be followed."""


def main() -> None:
    """Measure every file at every shift and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--checkpoint", required=True, help="a path or a name")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=20, help="files of a set, evenly spaced (default 20)")
    parser.add_argument("--sets", nargs="+", help="default: all")
    parser.add_argument("--synced", nargs="*", default=[], help="sets known to be in sync")
    options = parser.parse_args()
    loaded = avsync.load(options.checkpoint)

    rows: dict[str, list[dict]] = defaultdict(list)
    chosen = _chosen(options)
    for path in track(chosen, "measuring"):
        rows[path.relative_to(options.clips).parts[0]].append(_measured(path, loaded.net, loaded.calibration))
    answers = _answers(chosen, loaded.net, options)
    options.out.write_text(_page(rows, options) + _answers_table(answers, options.synced))
    print(options.out.read_text())


def _chosen(options: argparse.Namespace) -> list[Path]:
    chosen = []
    for folder in sorted(options.clips.iterdir()):
        if folder.is_dir() and (options.sets is None or folder.name in options.sets):
            files = videos(folder)
            every = max(1, -(-len(files) // options.most))
            chosen += files[::every]
    return chosen


def _measured(path: Path, net: object, calibration: dict) -> dict:
    """The file as it is and at every shift: ``error`` or ``still``, ``moved`` of (shift, result), and ``seconds``."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            still = measure(path, net, calibration)
            moved = []
            for shift in SHIFTS:
                copy = Path(folder) / "shifted.mkv"
                shift_audio(path, copy, -shift)  # positive: the sound early
                moved.append((shift, measure(copy, net, calibration)))
        except AvsyncError as error:
            return {"error": str(error)}
    return {"still": still, "moved": moved, "seconds": probe(path).duration}


def _answers(paths: list[Path], net: SyncNet, options: argparse.Namespace) -> dict[str, dict[int, list[bool]]]:
    """By set and by frames: whether each answer of each face clip is right."""
    found: dict[str, dict[int, list[bool]]] = defaultdict(lambda: {5: [], 15: []})
    with tempfile.TemporaryDirectory() as folder:
        sources = [Source(path, str(path.relative_to(options.clips))) for path in paths]
        out = prepare(sources, folder, Settings(min_seconds=1.4))
        for clip in read_clips(out):
            name = Path(clip.meta["source"]).parts[0]
            measured = measure_clip(net, clip, 0)
            whole = measured.estimate()
            if whole is None:
                continue
            true = 0 if name in options.synced else whole.frames
            for frames, right in found[name].items():
                errors, spoken = offset_errors(measured.distances, measured.speech, true, frames)
                right.extend((errors[spoken].abs() <= TOLERANCE).tolist())
    return found


def _answers_table(answers: dict[str, dict[int, list[bool]]], synced: list[str]) -> str:
    lines = [
        "",
        "| set | against | answers from 5 frames | right | from 15 frames | right |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for name, found in sorted(answers.items()):
        cells = [name, "0" if name in synced else "the whole clip"]
        for right in found.values():
            cells += [str(len(right)), f"{np.mean(right):.3f}" if right else "–"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _page(rows: dict[str, list[dict]], options: argparse.Namespace) -> str:
    lines = [
        "# Real clips, shifted by known amounts",
        "",
        f"{origin()}. The script's docstring states the question.",
        f"Shifts: {', '.join(f'{1000 * s:+.0f} ms' for s in SHIFTS)}, by timestamps, in MKV.",
        "",
        "Followed: the answer moved as the sound did, within ±1 frame. Decided: by the checkpoint's calibration",
        f"both answers were likelier right than wrong. Long: of at least {LONG:.0f} s; every one: at all shifts.",
        "",
        "| set | files | not measured | followed | decided | followed, decided | long, every one | at 0 ±1 | chance |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, found in rows.items():
        lines.append(_row(name, found, name in options.synced))
    errors = sorted(row["error"] for found in rows.values() for row in found if "error" in row)
    lines += ["", *([f"- not measured: {error}" for error in errors] or ["Every file was measured."])]
    return "\n".join(lines) + "\n"


def _row(name: str, found: list[dict], synced: bool) -> str:
    done = [row for row in found if "error" not in row]
    pairs = [
        (_followed(row["still"], shift, result), _decided(row["still"]) and _decided(result))
        for row in done
        for shift, result in row["moved"]
    ]
    followed = np.array([pair[0] for pair in pairs], bool)
    decided = np.array([pair[1] for pair in pairs], bool)
    still = [row["still"] for row in done if row["still"].estimate]
    chance = [result.chance for result in still if result.chance is not None]
    cells = [name, len(found), len(found) - len(done), _share(followed), _share(decided), _share(followed[decided])]
    long = [all(_followed(row["still"], *one) for one in row["moved"]) for row in done if row["seconds"] >= LONG]
    cells.append(f"{sum(long)} of {len(long)}")
    zero = [abs(result.estimate.offset) < FRAME for result in still]
    cells += [_share(np.array(zero)) if synced else "", f"{np.median(chance):.2f}" if chance else ""]
    return "| " + " | ".join(map(str, cells)) + " |"


def _followed(still: FileResult, shift: float, moved: FileResult) -> bool:
    one, other = still.estimate, moved.estimate
    return one is not None and other is not None and abs(other.offset - one.offset - shift) < FRAME


def _decided(result: FileResult) -> bool:
    return result.verdict != "undecided"


def _share(values: np.ndarray) -> str:
    return f"{values.mean():.2f}" if len(values) else "–"


if __name__ == "__main__":
    main()
