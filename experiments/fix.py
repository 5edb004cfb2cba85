"""How often a known shift is measured within a frame, by the length of the clip, and what ``avsync fix`` makes of it.

    python experiments/fix.py CLIPS --limit 6 --out experiments/fix.md

CLIPS holds one folder a set, or videos. Every file is shifted by known amounts, by timestamps and in its samples, in
MP4 and MKV, and measured as ``avsync fix`` measures it. Ordinary footage is a few frames out of sync itself and nobody
knows by how much: what counts is measured(x) - measured(0) against x; where a set is in sync (--synced NAME),
measured(x) against x. Then every decided copy is fixed and measured again: within half a frame of 0?

The pictures do not change when the sound is moved: faces are followed and embedded once a file.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from itertools import product
from pathlib import Path

from rich.progress import track

import avsync
from avsync.alignment.drift import Drift, follow
from avsync.alignment.embedded import embed_pieces, moved
from avsync.alignment.fix import HALF_FRAME, correct
from avsync.data.sources import videos
from avsync.errors import AvsyncError, MediaError
from avsync.media.placement import Stretch
from avsync.media.probe import probe
from avsync.media.remux import shift_audio
from avsync.media.rewrite import rewrite_audio
from avsync.models.shipped import Loaded
from common import origin

SHIFTS = (-500, -240, -120, -40, 0, 40, 120, 240, 500)
FRAME = 0.060
"""Seconds: an answer rounded to frames is within one frame of the truth below this."""

LENGTHS = (0, 2, 4, 8, 16)


class Faces:
    """The faces of a file, embedded once, to be compared with any sound.

    Args:
        path: A video.
        loaded: The network.
    """

    def __init__(self, path: Path, loaded: Loaded) -> None:
        self.path, self._loaded = path, loaded
        self._faces = list(embed_pieces(path, loaded.net, shots=True))

    def measured(self, path: Path, progress: object = None) -> Drift:
        """A copy of the file, whose pictures may begin at another time of its own clock; nobody is told how far."""
        faces = moved(self._faces, self.path, path)
        return follow(path, faces, self._loaded.net, self._loaded.calibration)


def main() -> None:
    """Measure, fix, measure again; write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--checkpoint", default="syncnet", help="a path or a name (default syncnet)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="files of a set, evenly spaced")
    parser.add_argument("--sets", nargs="+", help="default: all")
    parser.add_argument("--synced", nargs="*", default=[], help="sets known to be in sync")
    options = parser.parse_args()
    loaded = avsync.load(options.checkpoint)
    rows: list[dict] = []
    for path in track(chosen(options.clips, options.sets, options.limit), "files"):
        try:
            rows += _shifted(Faces(path, loaded), path.parent.name in options.synced)
        except AvsyncError as error:
            rows.append({"error": str(error)})
        options.out.write_text(_page(rows))
    print(options.out.read_text())


def chosen(clips: Path, sets: list[str] | None, limit: int) -> list[Path]:
    """At most ``limit`` videos of every folder, evenly spaced."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in videos(clips):
        if sets is None or path.parent.name in sets:
            found[path.parent.name].append(path)
    return [path for files in found.values() for path in files[:: max(1, -(-len(files) // limit))]]


def _shifted(faces: Faces, synced: bool) -> list[dict]:
    """Every shift of one file, in every container that holds it."""
    rows, still = [], faces.measured(faces.path)
    for how, suffix in product(("timestamps", "samples"), (".mp4", ".mkv")):
        for ms in SHIFTS:
            true = ms / 1000 + (0.0 if synced else still.offset)
            try:
                rows.append({"how": how, "suffix": suffix} | _moved(faces, how, suffix, ms / 1000, true))
            except MediaError as error:  # VP8 is not for MP4
                rows.append({"error": str(error).partition(": ")[2]})  # without the name of the copy
                break
    return rows


def _moved(faces: Faces, how: str, suffix: str, by: float, true: float) -> dict:
    """One copy whose sound is earlier by ``by`` s: measured, fixed, measured."""
    with tempfile.TemporaryDirectory() as folder:
        copy, fixed = (Path(folder) / f"{name}{suffix}" for name in ("copy", "fixed"))
        if how == "timestamps":
            shift_audio(faces.path, copy, -by)
        else:
            rewrite_audio(faces.path, copy, [Stretch(0.0, -by)])
        found = faces.measured(copy)
        row = {"length": probe(faces.path).duration, "decided": found.kind != "undecided", "kind": found.kind}
        row["right"] = found.pooled is not None and abs(found.offset - true) < FRAME
        row["told"] = f"{faces.path.name}, {1000 * by:+.0f} ms by {how}: {found.kind}, {1000 * found.offset:+.0f} ms"
        if row["decided"] and found.kind != "irregular":
            row["fixed"] = correct(copy, fixed, faces.measured, rewrite=how == "samples").action != "nothing"
            if row["fixed"]:
                row["left"] = faces.measured(fixed).offset
        return row


def _page(rows: list[dict]) -> str:
    done = [row for row in rows if "error" not in row]
    lines = [
        "# Shifted by known amounts, measured, fixed",
        "",
        f"{origin()}. The script's docstring states the question.",
        f"Shifts: {', '.join(f'{ms:+d}' for ms in SHIFTS)} ms.",
        "",
        "| copies | n | right within ±1 frame | decided | right, of the decided | written | 0 within half a frame |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for low, high in zip(LENGTHS, (*LENGTHS[1:], 1e9), strict=True):
        some = [row for row in done if low <= row["length"] < high]
        lines += [_line(f"{low} to {high} s" if high < 1e9 else f"from {low} s", some)] if some else []
    for how in ("timestamps", "samples"):
        for suffix in (".mp4", ".mkv"):
            some = [row for row in done if (row["how"], row["suffix"]) == (how, suffix)]
            lines += [_line(f"{how}, {suffix[1:].upper()}", some)] if some else []
    lines += [_line("all", done)] if done else []
    lines += ["", *dict.fromkeys(f"- not measured: {row['error']}" for row in rows if "error" in row)]
    lines += [f"- decided and wrong: {row['told']}" for row in done if row["decided"] and not row["right"]]
    return "\n".join(lines) + "\n"


def _line(name: str, rows: list[dict]) -> str:
    decided = [row for row in rows if row["decided"]]
    fixed = [abs(row["left"]) <= HALF_FRAME for row in decided if "left" in row]
    cells = [name, str(len(rows)), _share([row["right"] for row in rows]), _share([row["decided"] for row in rows])]
    written = [row.get("fixed", False) for row in decided]
    return f"| {' | '.join([*cells, _share([row['right'] for row in decided]), _share(written), _share(fixed)])} |"


def _share(values: list[bool]) -> str:
    return f"{sum(values) / len(values):.3f}" if values else "–"


if __name__ == "__main__":
    main()
