"""``avsync speakers``: which face the voice belongs to, when, and when to none of them."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from avsync import clock
from avsync.alignment.chance import SURE
from avsync.cli.inputs import CHECKPOINT, CROP, FAR, Progress, add_inputs, each, number, pinned
from avsync.cli.listed import named
from avsync.cli.offset import add_search
from avsync.cli.targets import apart, targets
from avsync.errors import AvsyncError

SEARCH = 0.6
"""Seconds: ±1 s were measured too, and dubbed voices more often taken for a face's (experiments/speakers.md)."""

EVERY = 5
"""Frames from one chance that is told to the next."""


def add(verbs: Any) -> None:
    """The verb's arguments."""
    speakers = verbs.add_parser("speakers", help="tell whose voice is heard, and when it is nobody's on screen")
    add_inputs(speakers)
    speakers.add_argument("--checkpoint", metavar="CKPT", help=CHECKPOINT)
    speakers.add_argument("--crop", choices=("face", "none"), default="face", help=CROP)
    speakers.add_argument(
        "--min-chance", type=number(0, 1), default=SURE, metavar="P",
        help=f"below this chance that any face on screen speaks the voice is nobody's (default {SURE})",
    )  # fmt: skip
    add_search(speakers, default=SEARCH)
    speakers.add_argument(
        "--offset", type=number(-FAR, FAR), metavar="MS",
        help="how far the sound is from the picture, if known, however far; positive: audio early (default: found)",
    )  # fmt: skip
    speakers.add_argument("--rttm", metavar="FILE", help="write who speaks when as RTTM; a folder for several inputs")
    speakers.add_argument(
        "--video", metavar="OUT.mp4", help="write the video with boxes and chances on it; a folder for several inputs"
    )
    speakers.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    files = named(options.files, options.list, options.video)
    written = {
        "rttm": targets(files, options.rttm, "--rttm", ".rttm"),
        "video": targets(files, options.video, "--video", ".mp4"),
    }
    for option, places in written.items():
        apart(places, f"--{option}")
    if both := set(written["rttm"].values()) & set(written["video"].values()):
        raise AvsyncError(f"{both.pop()}: is named by --rttm and by --video; give two names")
    pinned(options)
    given = {name: getattr(options, name) for name in ("checkpoint", "crop", "search", "min_chance")}
    given["offset"] = None if options.offset is None else options.offset / 1000
    return each(options, partial(told, given, written), as_text, files=files)


def told(given: dict[str, Any], written: dict[str, Any], file: str, progress: Progress) -> dict[str, Any]:
    """The row of one file; RTTM and video are written on the way."""
    from avsync.alignment.rttm import rttm
    from avsync.alignment.speaker_video import draw_speakers
    from avsync.api import checkpoint_of, speakers
    from avsync.media.atomic import whole_file

    part = 0.5 if written["video"] else 1.0
    found = speakers(file, **given, progress=lambda done: progress(part * done))
    if written["rttm"]:
        with whole_file(written["rttm"][file]) as partial_file:
            partial_file.write_text(rttm(found), encoding="utf-8", errors="surrogateescape")
    if written["video"]:
        draw_speakers(found, written["video"][file], lambda done: progress(part + part * done))
    return as_json(found, checkpoint_of(given["checkpoint"]).name, given["search"])


def as_json(found: Any, checkpoint: str, search: float) -> dict[str, Any]:
    """What a program reads; a face that is null is none of those on screen."""
    spoken = {face.id: 0.0 for face in found.faces}
    nobody = 0.0
    for turn in found.turns:
        if turn.face is None:
            nobody += turn.end - turn.start
        else:
            spoken[turn.face] += turn.end - turn.start
    return {
        "file": found.file,
        "checkpoint": checkpoint,
        "offset_ms": None if found.offset is None else round(found.offset * 1000, 1),
        "offset_frames": None if found.offset is None else clock.frames(found.offset),
        "chance": round(found.chance, 4),
        "search_ms": round(1000 * search),
        "nobody_seconds": round(nobody, 3),
        "faces": [_face(face, spoken[face.id]) for face in found.faces],
        "turns": [
            {
                "start": round(turn.start, 3),
                "end": round(turn.end, 3),
                "face": turn.face,
                "chance": round(turn.chance, 4),
            }
            for turn in found.turns
        ],
    }


def _face(face: Any, spoken: float) -> dict[str, Any]:
    return {
        "id": face.id,
        "start": round(face.start, 3),
        "end": round(face.end, 3),
        "speaks_seconds": round(spoken, 3),
        "windows": [
            {
                "time": round(face.start + clock.seconds(row + 0.5), 3),
                "chance": round(float(face.chance[row]), 4),
                "box": [round(float(value), 1) for value in face.boxes[row]],
            }
            for row in range(EVERY // 2, len(face.boxes), EVERY)
        ],
    }


def as_text(row: dict[str, Any]) -> str:
    """What a person reads: a line for the file, one for each turn."""
    count = len(row["faces"])
    faces = "1 face" if count == 1 else f"{count} faces"
    if not row["turns"]:
        return f"{row['file']}: {faces}, no voice is heard"
    said = f"no offset within ±{row['search_ms'] / 1000:g} s fits any of them ({100 * (1 - row['chance']):.0f} %)"
    if row["offset_ms"] is not None:
        said = clock.describe(row["offset_ms"] / 1000)
    lines = [f"{row['file']}: {faces}, {said}; {row['nobody_seconds']:.1f} s of voice of nobody on screen"]
    for turn in row["turns"]:
        who = "nobody on screen" if turn["face"] is None else f"face {turn['face']}"
        lines.append(f"  {turn['start']:.2f} to {turn['end']:.2f} s: {who} ({100 * turn['chance']:.0f} %)")
    return "\n".join(lines)
