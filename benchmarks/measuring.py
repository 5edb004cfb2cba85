"""How long measuring takes, part by part, beside bare decoding: ``python benchmarks/measuring.py [FILE]``.

Without a file it draws a minute of a talking head at 1280 x 720, 25 fps, in H.264 and AAC, with a camera's noise, and
keeps it. Parts are timed alone, one after the other and in rounds, by the clock on the wall; the whole is what people
run, ``avsync offset``, without and with the start of the program. With ``OMP_WAIT_POLICY=PASSIVE``, as the command has
it, torch's threads do not wait by spinning.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import avsync
from avsync.alignment.compare import around, compare
from avsync.alignment.measure import SEARCH
from avsync.alignment.pieces import pieces
from avsync.clock import FPS
from avsync.data.sources import videos
from avsync.faces.shots import with_cuts
from avsync.media.read import read_frames
from avsync.media.sound import Sound, read_audio
from avsync.media.source import decode
from avsync.media.write import write_video
from avsync.synthetic.generate import generate_talkers

SECONDS, WIDTH, HEIGHT = 60.0, 1280, 720
NOISE, CRF = 1.5, 26
"""Grey levels of a camera's noise, without which a drawn picture decodes faster than any real one, and x264's quality:
together some 2 Mbit/s, as 720p mostly has."""


def drawn(folder: Path) -> Path:
    """The minute, drawn once."""
    file = folder / f"talker_{WIDTH}x{HEIGHT}.mp4"
    if not file.is_file():
        print(f"drawing {file}")
        (talker,) = videos(generate_talkers(folder / "drawn", train=1, seconds=SECONDS) / "train")
        write_video(file, noisy(picture for _, picture in read_frames(talker)), read_audio(talker), crf=CRF)
    return file


def noisy(pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Pictures as high as 720 pixels between copies of their edges, with noise."""
    draw = np.random.default_rng(0)
    noise = [draw.normal(0, NOISE, (HEIGHT, WIDTH, 3)).astype(np.float32) for _ in range(8)]
    for k, picture in enumerate(pictures):
        width = round(picture.shape[1] * HEIGHT / picture.shape[0])
        side = (WIDTH - width) // 2
        large = cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_CUBIC)
        large = cv2.copyMakeBorder(large, 0, 0, side, WIDTH - width - side, cv2.BORDER_REPLICATE)
        yield (large + np.roll(noise[k % len(noise)], 37 * k, axis=1)).clip(0, 255).astype(np.uint8)


def exhaust(items: Any) -> None:
    """Take every item."""
    deque(items, maxlen=0)


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """On the wall, and of this process on all cores."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


def embed(file: Path, pieces: list, net: Any) -> None:
    """What comes after the faces."""
    sound = Sound(file)
    for piece in pieces:
        compare(piece, *around(piece, sound, SEARCH), net, SEARCH)


def parts(file: Path, times: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds by part, on the wall and of work, once a round: a machine is now faster, now slower for minutes."""
    net = avsync.load("syncnet").net
    held = list(pieces(file, net))  # loads the models too
    embed(file, held, net)
    work: dict[str, Callable[[], Any]] = {
        "decoding alone": lambda: exhaust(decode(file, "video")),
        "pictures at 25 fps, in RGB": lambda: exhaust(read_frames(file)),
        "... and shots": lambda: exhaust(with_cuts(read_frames(file))),
        "... and faces, tracks, crops": lambda: exhaust(pieces(file, net)),
        "sound, embeddings, distances": lambda: embed(file, held, net),
        "all: avsync.offset(file)": lambda: avsync.offset(file, "syncnet"),
        "the command, from its start": lambda: started(file),
    }
    rounds = [{name: seconds(part) for name, part in work.items()} for _ in range(times)]
    return {name: [one[name] for one in rounds] for name in work}


def started(file: Path) -> None:
    """The command, its start included."""
    command = [sys.executable, "-m", "avsync", "offset", str(file), "--checkpoint", "syncnet", "--json"]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="a video with a face; default: a drawn one")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmark"), help="where the drawn one is kept")
    parser.add_argument("--times", type=int, default=3, help="rounds in which each part is timed once (default 3)")
    given = parser.parse_args()
    file = given.file or drawn(given.folder)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    length = sum(1 for _ in read_frames(file)) / FPS
    spent = parts(file, given.times)
    floor = [wall for wall, _ in spent["decoding alone"]]
    cores = len(os.sched_getaffinity(0))
    print(f"{file.name}, {length:.0f} s; commit {commit.stdout.strip()}, {cores} cores, {given.times} rounds\n")
    print("| part | wall s, best | median | work s, median | times decoding, median (range) |\n|---|--:|--:|--:|--:|")
    for name, took in spent.items():
        wall, work = np.array(took).T
        times = wall / floor
        told = f"{np.median(times):.1f} ({times.min():.1f} to {times.max():.1f})"
        busy = "" if name.startswith("the command") else f"{np.median(work):.2f}"
        print(f"| {name} | {wall.min():.2f} | {np.median(wall):.2f} | {busy} | {told} |")


if __name__ == "__main__":
    main()
