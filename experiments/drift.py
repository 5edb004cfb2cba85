"""How often ``avsync drift`` names what happened to the sound of minutes of real talk.

    python experiments/drift.py CLIPS --checkpoint syncnet --seconds 240 --limit 3 --out experiments/drift.md

CLIPS holds clips that are in sync, such as a set of GRID. They are cut out, joined to minutes, a cut every few seconds,
each joined file from other clips, and their sound is moved by a line, by steps at some of the cuts, or by a constant.
Faces are followed and embedded once a clip, the sound is that of a file written for the purpose. Clips are in sync to
some hundredths of a second, each in its own way, so that a joined file has a small drift of its own: what all lines of
it are off by alike, on average. The table tells errors with and without it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import track

import avsync
from avsync import clock
from avsync.alignment.drift import Drift, follow
from avsync.alignment.embedded import Seen, embed_pieces
from avsync.data.sources import videos
from avsync.errors import AvsyncError
from avsync.media.probe import probe
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from avsync.models.shipped import Loaded
from common import origin

PPM = (-2000, -1000, -500, -100, 100, 500, 1000, 2000)
CONSTANTS = (-0.24, 0.0, 0.12)
SIZE = 16
"""Pixels of the pictures of the joined file, which nobody looks at."""


@dataclass(frozen=True)
class Joined:
    """Clips one after the other.

    Attributes:
        faces: Of all, on the clock of the whole.
        sound: (S,) at 16 kHz.
        cuts: Seconds at which clips begin.
    """

    faces: list[Seen]
    sound: np.ndarray
    cuts: list[float]

    @property
    def seconds(self) -> float:
        """Length of the whole."""
        return len(self.sound) / clock.SAMPLE_RATE


@dataclass(frozen=True)
class Row:
    """A joined file after one law.

    Attributes:
        number: Of the joined file.
        law: ``constant``, ``linear`` or ``steps``.
        ppm: The truth of a line.
        found: What ``avsync drift`` says.
        took: Seconds.
    """

    number: int
    law: str
    ppm: float
    found: Drift
    took: float

    @property
    def right(self) -> bool:
        """The kind is named right."""
        return self.found.kind == self.law


def main() -> None:
    """Draw, measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--checkpoint", default="syncnet", help="a path or a name (default syncnet)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300.0, help="length of a joined file (default 300)")
    parser.add_argument("--limit", type=int, default=4, metavar="N", help="joined files (default 4)")
    options = parser.parse_args()
    loaded = avsync.load(options.checkpoint)
    clips = videos(options.clips)
    np.random.default_rng(0).shuffle(clips)  # type: ignore[arg-type]
    remaining, rows = iter(clips), list[Row]()
    for number in track(range(options.limit), "joined files"):
        joined = _joined(remaining, loaded, options.seconds)
        if joined.seconds < options.seconds:
            print(f"{options.clips}: clips for {number} files of {options.seconds:.0f} s and no more", file=sys.stderr)
            break
        for name, true, law in _laws(joined, number):
            began = time.monotonic()
            found = _measured(joined, law, loaded)
            rows.append(Row(number, name, true, found, time.monotonic() - began))
            options.out.write_text(_page(rows, options))
    print(options.out.read_text())


def _joined(clips: Iterator[Path], loaded: Loaded, seconds: float) -> Joined:
    faces, sound, cuts, at = [], [], [], 0
    for path in clips:
        try:
            info, heard = probe(path), read_audio(path)
            length = clock.frames(min(info.duration, len(heard) / clock.SAMPLE_RATE))
            found = list(embed_pieces(path, loaded.net, shots=True))
        except AvsyncError:
            continue
        cuts.append(clock.seconds(at))
        sound.append(heard[: length * clock.SAMPLES_PER_FRAME])
        for face in found:
            faces.append(replace(face, track=100 * len(cuts) + face.track, start=face.start + clock.seconds(at)))
        at += length
        if clock.seconds(at) >= seconds:
            break
    return Joined(faces, np.concatenate(sound), cuts)


def _laws(joined: Joined, seed: int) -> Iterator[tuple[str, float, Callable[[np.ndarray], np.ndarray]]]:
    """Name, truth in ppm, and the offset (s) as a function of time."""
    for by in CONSTANTS:
        yield "constant", 0.0, lambda t, by=by: np.full_like(t, by)
    draw = np.random.default_rng(seed)
    for ppm in PPM:
        first = draw.uniform(-0.2, 0.2)
        yield "linear", ppm, lambda t, ppm=ppm, first=first: first + ppm * 1e-6 * t
    for _ in range(3):
        inner = [cut for cut in joined.cuts if 20 < cut < joined.seconds - 20]
        at = np.sort(draw.choice(inner, 2, replace=False))
        levels = draw.permutation([-0.28, -0.16, 0.0, 0.12, 0.24])[:3]
        yield "steps", 0.0, lambda t, at=at, levels=levels: levels[np.searchsorted(at, t, side="right")]


def _measured(joined: Joined, law: Callable[[np.ndarray], np.ndarray], loaded: Loaded) -> Drift:
    """The joined sound, moved: at t - law(t) what belongs to t."""
    times = np.arange(len(joined.sound)) / clock.SAMPLE_RATE
    heard = times - law(times)
    edges = [0, *(np.flatnonzero(np.abs(np.diff(heard)) > 0.01) + 1), len(times)]
    moved = np.zeros_like(joined.sound)
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        inside = (times >= heard[a]) & (times <= heard[b - 1])
        moved[inside] = np.interp(times[inside], heard[a:b], joined.sound[a:b])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "joined.mkv"
        dark = np.zeros((SIZE, SIZE, 3), np.uint8)
        write_video(path, (dark for _ in range(clock.frames(joined.seconds))), moved)
        return follow(path, joined.faces, loaded.net, loaded.calibration)


def _page(rows: list[Row], options: argparse.Namespace) -> str:
    took = np.median([row.took for row in rows])
    lines = [
        "# Drift of real talk, joined to minutes",
        "",
        f"{origin()}. The script's docstring states the question.",
        f"{len(rows)} files of {options.seconds:.0f} s, measured in {took:.0f} s each.",
        "",
        "| sound moved by | files | kind named right | ppm, median | error stated | within 10 % | without own drift |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for law in ("constant", "steps"):
        some = [row for row in rows if row.law == law]
        if some:
            lines.append(f"| {law} | {len(some)} | {np.mean([row.right for row in some]):.2f} | | | | |")
    own = _own(rows)
    for ppm in PPM:
        some = [row for row in rows if row.law == "linear" and row.ppm == ppm]
        right = [row for row in some if row.right]
        if not right:
            lines += [f"| {ppm:+d} ppm | {len(some)} | 0.00 | | | 0.00 | 0.00 |"] * bool(some)
            continue
        errors = np.array([row.found.ppm - ppm for row in right])
        less = errors - [own[row.number] for row in right]
        within = (np.sum(np.abs(error) <= 0.1 * abs(ppm)) / len(some) for error in (errors, less))
        cells = [
            f"{ppm:+d} ppm",
            str(len(some)),
            f"{len(right) / len(some):.2f}",
            f"{ppm + np.median(errors):+.0f}",
            f"{np.median([row.found.ppm_error or 0 for row in right]):.0f}",
            *(f"{share:.2f}" for share in within),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    told = ", ".join(f"{value:+.0f}" for value in own.values())
    lines += ["", f"Own drift of the joined files, ppm: {told}." if own else ""]
    lines += ["", f"Kind named right, all: {np.mean([row.right for row in rows]):.3f} of {len(rows)}."]
    lines += [
        f"- {row.law} {row.ppm:+.0f} was called {row.found.kind}: {row.found.why or row.found.model}"
        for row in rows
        if not row.right
    ]
    return "\n".join(lines) + "\n"


def _own(rows: list[Row]) -> dict[int, float]:
    """What the lines of each joined file are off by on average, ppm."""
    off: dict[int, list[float]] = {}
    for row in rows:
        if row.law == "linear" and row.right:
            off.setdefault(row.number, []).append(row.found.ppm - row.ppm)
    return {number: float(np.mean(errors)) for number, errors in off.items()}


if __name__ == "__main__":
    main()
