"""How long preparation takes, stage by stage, beside bare decoding: ``python benchmarks/preparation.py [FOLDER]``.

Without a folder it draws talking heads at 640 x 360, 25 fps. Stages are timed one after the other on one core; the
whole is then run as people run it, on every core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from avsync.clock import FPS, SAMPLES_PER_FRAME
from avsync.data.clips import Settings
from avsync.data.preparation import prepare
from avsync.data.sources import Source, videos
from avsync.faces.follow import follow
from avsync.faces.shots import with_cuts
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.source import decode
from avsync.media.write import encode_flac, encode_video, write_video
from avsync.synthetic.generate import generate_talkers

TALKERS, SECONDS = 8, 20.0
TURNS = 4
"""Times that every file is prepared, so that starting processes is not what is timed."""
WIDTH, HEIGHT = 640, 360


def draw(folder: Path) -> Path:
    """Talkers in the middle of a picture of 640 x 360."""
    drawn = generate_talkers(folder / "drawn", train=TALKERS, seconds=SECONDS)
    (folder / "wide").mkdir()
    for video in videos(drawn / "train"):
        pictures = (widened(picture) for _, picture in read_frames(video))
        write_video(folder / "wide" / f"{video.stem}.mp4", pictures, read_audio(video))
    return folder / "wide"


def widened(picture: np.ndarray) -> np.ndarray:
    """A picture as high as 360 pixels between two blurred copies of its edges."""
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    side = (WIDTH - width) // 2
    picture = cv2.resize(picture, (width, HEIGHT))
    return cv2.copyMakeBorder(picture, 0, 0, side, WIDTH - width - side, cv2.BORDER_REPLICATE)


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def exhaust(items: object) -> None:
    """Take every item."""
    for _ in items:  # type: ignore[attr-defined]
        pass


def encode(frames: np.ndarray) -> None:
    """A clip, with as much noise for its sound."""
    noise = np.random.default_rng(0).normal(0, 0.1, len(frames) * SAMPLES_PER_FRAME).astype(np.float32)
    encode_video(frames)
    encode_flac(noise)


def stages(files: list[Path]) -> dict[str, float]:
    """CPU seconds by stage, each as what it takes beyond the one before."""
    exhaust(follow(read_frames(files[0]), size=96, min_seconds=0.04, max_seconds=10.0))  # loads the models
    total: dict[str, float] = {}
    for file in files:
        clips = []

        def crop(file: Path = file, clips: list = clips) -> None:
            clips.extend(follow(read_frames(file), size=96, min_seconds=0.04, max_seconds=10.0))

        decoded = seconds(lambda file=file: exhaust(decode(file, "video")))
        read = seconds(lambda file=file: exhaust(read_frames(file)))
        shots = seconds(lambda file=file: exhaust(with_cuts(read_frames(file))))
        followed = seconds(crop)
        heard = seconds(lambda file=file: read_audio(file))
        encoded = seconds(lambda clips=clips: exhaust(encode(clip.frames) for clip in clips))
        for name, value in (
            ("decoding alone", decoded),
            ("pictures at 25 fps", read - decoded),
            ("shots", shots - read),
            ("faces, tracks, crops", followed - shots),
            ("sound", heard),
            ("encoding clips", encoded),
        ):
            total[name] = total.get(name, 0.0) + value
    return total


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="of videos; default: drawn ones")
    given = parser.parse_args().folder
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    with tempfile.TemporaryDirectory() as folder:
        source = given or draw(Path(folder))
        files = videos(source)
        length = sum(sum(1 for _ in read_frames(file)) for file in files) / FPS
        spent = stages(files)
        start = time.monotonic()
        sources = [Source(file, f"{file.stem}-{turn}") for file in files for turn in range(TURNS)]
        prepare(sources, Path(folder) / "out", Settings(), progress=False)
        wall = time.monotonic() - start
    floor = spent["decoding alone"]
    print(f"{len(files)} files, {length:.0f} s of video; commit {commit.stdout.strip()}, {os.cpu_count()} cores\n")
    print("| stage | seconds of work for an hour of video |\n|---|--:|")
    for name, value in spent.items():
        print(f"| {name} | {3600 * value / length:.0f} |")
    whole = sum(spent.values())
    print(f"| all, on one core | {3600 * whole / length:.0f}, {whole / floor:.1f} times decoding |")
    faster = TURNS * length / wall
    print(f"| all, start of processes included, on {os.cpu_count()} cores | {3600 / faster:.0f} |")
    print(f"\n{faster:.1f} times faster than real time on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
