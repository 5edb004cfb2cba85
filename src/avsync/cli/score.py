"""``avsync score``: how good a video's synchronization is, in numbers that can be compared."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

from avsync.cli.inputs import Progress, add_inputs, add_measuring, each, number, pinned

MEANS = ("score", "aligned", "decided", "lse_d", "lse_c")


def add(verbs: Any) -> None:
    """The verb's arguments."""
    score = verbs.add_parser("score", help="score the synchronization of generated lips, dubbing, any talking face")
    add_inputs(score)
    add_measuring(score)
    score.add_argument(
        "--lse", metavar="V2.ckpt",
        help="SyncNet's released network, as `avsync import` wrote it, for LSE-C and LSE-D (default: no LSE, unless "
        "--checkpoint is that network)",
    )  # fmt: skip
    score.add_argument(
        "--segment",
        type=number(0),
        default=1.0,
        metavar="SECONDS",
        help="length of a segment, 0.4 and more (default 1)",
    )
    score.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from avsync.evaluation.score import HOW_TO_LSE, is_released  # torch takes seconds: not for --help

    loaded = pinned(options)
    if not options.json and not options.lse and not is_released(loaded.net):
        print(HOW_TO_LSE)
    given = {name: getattr(options, name) for name in ("checkpoint", "lse", "crop", "min_chance", "segment")}
    means = Means()
    status = each(options, partial(scored, given), as_text, means.add)
    if means.files > 1:
        print(means.text(), file=sys.stderr if options.json else sys.stdout)  # with --json every line there is a row
    return status


def scored(given: dict[str, Any], file: str, progress: Progress) -> dict[str, Any]:
    """The row of one file."""
    from avsync.api import score

    return as_json(score(file, **given, progress=progress))


class Means:
    """Means over files of every number that there is one of."""

    def __init__(self) -> None:
        self.files = 0
        self.values: dict[str, list[float]] = {}

    def add(self, row: dict[str, Any]) -> int:
        """One more row; its exit status is 0."""
        self.files += 1
        numbers = {name: row[name] for name in MEANS} | {f"within {name}": one for name, one in row["within"].items()}
        for name, value in numbers.items():
            if value is not None:
                self.values.setdefault(name, []).append(value)
        return 0

    def text(self) -> str:
        """One line; a number that not every file has is told with how many have it."""
        said = []
        for name, values in self.values.items():
            of = "" if len(values) == self.files else f" ({len(values)} files)"
            said.append(f"{name} {sum(values) / len(values):.3f}{of}")
        return f"mean of {self.files} files: {', '.join(said) or 'nothing to compare in any of them'}"


def as_json(found: Any) -> dict[str, Any]:
    """What a program reads; null where nothing could be compared, or where the network does not tell."""
    lse = found.lse or []
    return {
        "file": found.file,
        "score": _rounded(found.score),
        "aligned": _rounded(found.aligned),
        "decided": _rounded(len(found.decided) / len(found.segments)) if found.segments else None,
        "within": {name: _rounded(value) for name, value in found.within.items()},
        "lse_d": _rounded(sum(one.distance for one in lse) / len(lse)) if lse else None,
        "lse_c": _rounded(sum(one.confidence for one in lse) / len(lse)) if lse else None,
        "lse_faces": [
            {"lse_d": _rounded(one.distance), "lse_c": _rounded(one.confidence), "offset_frames": one.offset}
            for one in lse
        ],
        "settings": found.settings,
        "segments": [
            {
                "time": round(segment.time, 3),
                "offset_ms": round(segment.found.offset * 1000, 1),
                "confidence": round(segment.found.confidence, 4),
                "chance": _rounded(segment.chance),
                "score": _rounded(segment.score),
                "speech": round(segment.speech, 4),
            }
            for segment in found.segments
        ],
    }


def as_text(row: dict[str, Any]) -> str:
    """What a person reads: the numbers, the limits of perception, and what makes them comparable."""
    parts = [
        f"score {_told(row['score'])}",
        f"aligned {_told(row['aligned'])} of {len(row['segments'])} segments, decided {_told(row['decided'])}",
    ]
    if row["lse_d"] is not None:
        parts.append(f"LSE-D {row['lse_d']:.3f}, LSE-C {row['lse_c']:.3f}")
    limits = ", ".join(f"{name} {_told(value)}" for name, value in row["within"].items())
    return f"{row['file']}: {'; '.join(parts)}\n  within {limits}\n  by {_settings(row['settings'])}"


def _settings(used: dict[str, Any]) -> str:
    """What makes the numbers comparable."""
    said = (
        f"{used['network']} (weights {used['weights']}), avsync {used['avsync']}, crop {used['crop']}, "
        f"{used['fps']} fps, {used['sample_rate']} Hz, search ±{used['search_frames']} frames, "
        f"tolerance ±{used['tolerance_frames']}, segments of {used['segment_seconds']:g} s, "
        f"decided from a chance of {used['min_chance']:g}"
    )
    if used["lse_network"] is None:
        return said
    crops = "the picture as given" if used["lse_crop"] == "given" else "avsync's crops, not the released pipeline's"
    return f"{said}\n  LSE by {used['lse_network']} (weights {used['lse_weights']}), on {crops}"


def _told(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
