"""``avsync verify`` and ``avsync filter``: prepared shards, checked and cleaned."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from avsync.cli.inputs import CHECKPOINT, UNUSABLE, complain, number
from avsync.errors import AvsyncError
from avsync.media.atomic import require_folder


def add(verbs: Any) -> None:
    """The verbs' arguments."""
    verify = verbs.add_parser("verify", help="check every byte and every clip of prepared shards")
    verify.add_argument("folders", nargs="+", metavar="SHARDS", help="a folder that data_prep/prepare.py wrote")
    verify.add_argument("--json", action="store_true", help="one object a line, one line a folder")
    verify.set_defaults(run=_verify)

    filter_ = verbs.add_parser("filter", help="find the clips of prepared shards whose sound does not match")
    filter_.add_argument("folders", nargs="+", metavar="SHARDS", help="folders that data_prep/prepare.py wrote")
    filter_.add_argument("--checkpoint", metavar="CKPT", help=CHECKPOINT)
    filter_.add_argument("--out", required=True, metavar="TABLE.parquet", help="for data.verdicts=TABLE.parquet")
    filter_.add_argument(
        "--correct",
        type=number(0, kind=int),
        default=0,
        metavar="N",
        help="correct shifts of up to N frames instead of dropping the clips (default 0: none)",
    )
    filter_.add_argument(
        "--search", type=number(1, kind=int), default=15, metavar="N", help="frames to search (default 15)"
    )
    filter_.add_argument(
        "--workers", type=number(1, kind=int), metavar="N", help="processes (default: one a core, or one a GPU)"
    )
    filter_.add_argument("--devices", nargs="+", metavar="DEVICE", help="cuda:0 cuda:1 (default: every GPU, or cpu)")
    filter_.add_argument("--report", metavar="PAGE.html", help="write histograms and what was dropped there")
    filter_.set_defaults(run=_filter)


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
            complain(error)
            if options.json:
                print(json.dumps({"file": folder, "error": str(error)}))
            status = UNUSABLE
            continue
        status = max(status, 1 if report.problems else 0)
        if options.json:
            print(json.dumps(asdict(report)))
            continue
        for problem in report.problems:
            print(f"{folder}: {problem}")
        cure = f"remove {Path(folder) / 'shards'} and prepare it again"
        verdict = f"{len(report.problems)} problems; {cure}" if report.problems else "sound"
        print(f"{folder}: {report.shards} shards, {report.samples} clips, {report.seconds:.0f} s: {verdict}")
    return status


def _filter(options: argparse.Namespace) -> int:
    from avsync.alignment.filter import Filter
    from avsync.alignment.verdicts import summary
    from avsync.evaluation.verdict_page import write_verdict_page
    from avsync.models import shipped

    out = Path(options.out)
    for path in filter(None, (options.out, options.report)):
        require_folder(path)
    checkpoint = shipped.find(options.checkpoint or shipped.default_checkpoint())
    devices = tuple(options.devices) if options.devices else None
    judge = Filter(options.search, options.correct, options.workers, devices)
    judged = judge(options.folders, checkpoint, out.with_suffix(".scores"))
    judged.save(out)
    if options.report:
        write_verdict_page(Path(options.report), judged)
    print(f"checkpoint: {checkpoint}\n{out}: {summary(judged.rows)}")
    return 0
