"""``avsync import`` and ``avsync export``: checkpoints from elsewhere, and for others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from avsync.errors import AvsyncError


def add(verbs: Any) -> None:
    """The verbs' arguments."""
    weights = verbs.add_parser("import", help="turn weights that others released into a checkpoint")
    weights.add_argument("file", metavar="FILE", help="as downloaded: syncnet_v2.model, cav_mae_sync.pth")
    weights.add_argument("out", metavar="OUT.ckpt", help="what --checkpoint then takes")
    weights.set_defaults(run=_import)

    export = verbs.add_parser("export", help="write a checkpoint as it is handed to people: safetensors, model card")
    export.add_argument("checkpoint", metavar="CKPT", nargs="+", help="of several, the mean of their weights")
    export.add_argument("out", metavar="OUT", help="a new folder")
    export.add_argument("--card", metavar="FILE", help="the model card, Markdown; default: what the run tells")
    export.add_argument("--half", action="store_true", help="store weights as float16")
    export.set_defaults(run=_export)


def _import(options: argparse.Namespace) -> int:
    from avsync.models.imports import import_weights

    name = import_weights(Path(options.file), Path(options.out))
    use = "checkpoint=" if name.startswith("cav_mae") else "--checkpoint"
    print(f"{options.out}: {name}, ready for {use}")
    return 0


def _export(options: argparse.Namespace) -> int:
    from avsync.models.shipped import export

    try:
        card = Path(options.card).read_text(encoding="utf-8") if options.card else None
    except (OSError, UnicodeDecodeError) as error:
        raise AvsyncError(f"{options.card}: cannot be read; give the model card, Markdown in UTF-8") from error
    first, *others = options.checkpoint
    folder = export(first, Path(options.out), card, options.half, others)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {size / 1e6:.1f} MB, ready for --checkpoint and avsync.load")
    return 0
