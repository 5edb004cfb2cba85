"""The verbs of ``avsync``. Exit status: 0 done, 1 ``verify`` found damage, 2 at least one input could not be used."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from avsync import clock
from avsync.alignment.chance import MIN_CHANCE
from avsync.errors import AvsyncError

CHECKPOINT = (
    "a path, a name that ships, or hub:OWNER/REPO (default: that of the newest run in ./runs, else the one that ships)"
)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except AvsyncError as error:
        _complain(error)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="avsync", description="Audio-visual synchronization.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_measuring(verbs)
    _add_sets(verbs)
    _add_checkpoints(verbs)
    return parser


def _add_measuring(verbs: Any) -> None:
    offset = verbs.add_parser("offset", help="measure how far the sound is from the picture")
    offset.add_argument("files", nargs="+", metavar="FILE", help="a video with a face and sound")
    offset.add_argument("--checkpoint", metavar="CKPT", help=CHECKPOINT)
    offset.add_argument("--crop", choices=("face", "none"), default="face", help="none: the file is a face crop")
    offset.add_argument(
        "--min-chance", type=_share, default=MIN_CHANCE, metavar="P",
        help=f"say undecided when the chance to be right within a frame is lower (default {MIN_CHANCE})",
    )  # fmt: skip
    offset.add_argument("--json", action="store_true", help="one object a line, one line a file")
    offset.set_defaults(run=_offset)

    runs = verbs.add_parser("runs", help="collect the runs of a folder or sweep into one table")
    runs.add_argument("folder", nargs="?", default="runs", help="default: runs")
    runs.add_argument("--csv", metavar="FILE", help="write the whole table there too")
    runs.set_defaults(run=_runs)


def _add_sets(verbs: Any) -> None:
    verify = verbs.add_parser("verify", help="check every byte and every clip of prepared shards")
    verify.add_argument("folders", nargs="+", metavar="SHARDS", help="a folder that data_prep/prepare.py wrote")
    verify.add_argument("--json", action="store_true", help="one object a line, one line a folder")
    verify.set_defaults(run=_verify)

    filter_ = verbs.add_parser("filter", help="find the clips of prepared shards whose sound does not match")
    filter_.add_argument("folder", metavar="SHARDS", help="a folder that data_prep/prepare.py wrote")
    filter_.add_argument("--checkpoint", metavar="CKPT", help=CHECKPOINT)
    filter_.add_argument("--out", required=True, metavar="TABLE.parquet", help="for data.verdicts=TABLE.parquet")
    filter_.add_argument("--correct", type=int, default=0, metavar="N", help="correct shifts of up to N frames")
    filter_.add_argument("--search", type=int, default=15, metavar="N", help="frames to search (default 15)")
    filter_.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core, or one a GPU)")
    filter_.add_argument("--devices", nargs="+", metavar="DEVICE", help="cuda:0 cuda:1 (default: every GPU, or cpu)")
    filter_.add_argument("--report", metavar="PAGE.html", help="write histograms and what was dropped there")
    filter_.set_defaults(run=_filter)


def _add_checkpoints(verbs: Any) -> None:
    weights = verbs.add_parser("import", help="turn weights that others released into a checkpoint")
    weights.add_argument("file", metavar="FILE", help="as downloaded: syncnet_v2.model, cav_mae_sync.pth")
    weights.add_argument("out", metavar="OUT.ckpt", help="what --checkpoint then takes")
    weights.set_defaults(run=_import)

    export = verbs.add_parser("export", help="write a checkpoint as it is handed to people: safetensors, model card")
    export.add_argument("checkpoint", metavar="CKPT")
    export.add_argument("out", metavar="OUT", help="a new folder")
    export.add_argument("--card", metavar="FILE", help="the model card, Markdown; default: what the run tells")
    export.add_argument("--half", action="store_true", help="store weights as float16")
    export.set_defaults(run=_export)


def _share(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise ValueError  # argparse says which argument, and what it got
    return float(text)


def _offset(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from avsync.alignment.measure import measure  # torch takes seconds: not for --help
    from avsync.evaluation.runs import default_checkpoint
    from avsync.models.checkpoints import require_syncnet
    from avsync.models.shipped import load

    loaded = load(options.checkpoint or default_checkpoint())
    net = require_syncnet(loaded.net, loaded.name)
    given: dict[str, Any] = {"crop": options.crop, "min_chance": options.min_chance}
    if not options.json:
        print(f"checkpoint: {loaded.name}")
    console = Console(stderr=True)
    status = 0
    for file in options.files:
        try:
            with Progress(transient=True, console=console, disable=not console.is_terminal) as bar:
                shown = partial(_show, bar, bar.add_task(Path(file).name, total=1.0))
                result = measure(file, net, loaded.calibration, **given, progress=shown)
        except AvsyncError as error:
            _complain(error)
            status = 2
            continue
        print(json.dumps(as_json(result, loaded.name)) if options.json else as_text(result), flush=True)
    return status


def _show(bar: Any, task: Any, share: float) -> None:
    bar.update(task, completed=share)


def _runs(options: argparse.Namespace) -> int:
    from avsync.evaluation.runs import collect, print_runs, write_csv

    rows = collect(Path(options.folder))
    print_runs(rows)
    if options.csv:
        write_csv(rows, Path(options.csv))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import track

    from avsync.data.shards import read_index
    from avsync.data.verify import verify

    status = 0
    for folder in options.folders:
        try:
            console = Console(stderr=True)
            steps = track(verify(folder), f"verifying {folder}", len(read_index(folder)) + 1, console=console)
            *_, report = steps
        except AvsyncError as error:
            _complain(error)
            status = 2
            continue
        status = max(status, 1 if report.problems else 0)
        if options.json:
            print(json.dumps(asdict(report)))
            continue
        for problem in report.problems:
            print(f"{folder}: {problem}")
        verdict = f"{len(report.problems)} problems; prepare it again" if report.problems else "sound"
        print(f"{folder}: {report.shards} shards, {report.samples} clips, {report.seconds:.0f} s: {verdict}")
    return status


def _filter(options: argparse.Namespace) -> int:
    from avsync.alignment.filter import Filter
    from avsync.alignment.verdicts import summary
    from avsync.evaluation.runs import default_checkpoint
    from avsync.evaluation.verdict_page import write_verdict_page
    from avsync.models import shipped

    folder, out = Path(options.folder), Path(options.out)
    checkpoint = shipped.find(options.checkpoint or default_checkpoint())
    devices = tuple(options.devices) if options.devices else None
    judge = Filter(options.search, options.correct, options.workers, devices)
    judged = judge(folder, checkpoint, out.with_suffix(".scores"))
    if options.report:
        write_verdict_page(Path(options.report), judged, folder)
    judged.save(out)
    print(f"checkpoint: {checkpoint}\n{out}: {summary(judged.rows)}")
    return 0


def _import(options: argparse.Namespace) -> int:
    from avsync.models.imports import import_weights

    name = import_weights(Path(options.file), Path(options.out))
    use = "checkpoint=" if name.startswith("cav_mae") else "--checkpoint"
    print(f"{options.out}: {name}, ready for {use}")
    return 0


def _export(options: argparse.Namespace) -> int:
    from avsync.models.shipped import export

    if options.card and not Path(options.card).is_file():
        raise AvsyncError(f"{options.card} is not a file; give the model card, in Markdown")
    card = Path(options.card).read_text(encoding="utf-8") if options.card else None
    folder = export(options.checkpoint, Path(options.out), card, options.half)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB, ready for --checkpoint and avsync.load")
    return 0


def as_text(result: Any) -> str:
    """What a person reads: one line for the file, one for each track."""
    said = _words(result.best, result.min_chance)
    lines = [f"{result.file}: {said}" + (" (in sync)" if result.verdict == "in sync" else "")]
    for track in result.tracks:
        answer = _words(track, result.min_chance)
        lines.append(f"  track {track.id}, {track.start:.2f} to {track.end:.2f} s: {answer}")
    return "\n".join(lines)


def _words(track: Any, min_chance: float) -> str:
    found = track.estimate
    if found is None:
        return "undecided, no speech to compare"
    decided = track.decided(min_chance)
    said = f"{clock.describe(found.offset)} ({found.frames:+d} frames)" if decided else "undecided"
    sure = "" if track.chance is None else f", right within a frame: {_percent(track.chance)}"
    return f"{said}, confidence {found.confidence:.2f}{sure}"


def _percent(chance: float) -> str:
    return "over 99 %" if chance > 0.99 else f"{100 * chance:.0f} %"


def as_json(result: Any, checkpoint: str) -> dict[str, Any]:
    """What a program reads; offsets are positive when the audio is early, null when there was nothing to compare."""
    return {
        "file": result.file,
        "checkpoint": checkpoint,
        **_numbers(result.best.estimate),
        "chance": _rounded(result.best.chance),
        "verdict": result.verdict,
        "tracks": [
            {
                "id": track.id,
                "start": round(track.start, 3),
                "end": round(track.end, 3),
                **_numbers(track.estimate),
                "chance": _rounded(track.chance),
                "windows": [
                    {
                        "time": round(time, 3),
                        **{k: v for k, v in _numbers(run).items() if k != "offset_frames"},
                    }
                    for time, run in track.windows
                ],
            }
            for track in result.tracks
        ],
    }


def _numbers(found: Any) -> dict[str, Any]:
    if found is None:
        return {"offset_ms": None, "offset_frames": None, "confidence": None}
    return {
        "offset_ms": round(found.offset * 1000, 1),
        "offset_frames": found.frames,
        "confidence": round(found.confidence, 4),
    }


def _rounded(chance: float | None) -> float | None:
    return None if chance is None else round(chance, 4)


def _complain(error: AvsyncError) -> None:
    print(f"avsync: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
