"""1,000 mixed files, 5 % of them damaged, measured by a run that is killed twice: ``python experiments/many_files.py``.

Every file must have a row, none two. Good files are links to a few drawn mouths in four containers, damaged ones are
drawn as the tests draw them, each differently.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # what damage looks like is known there

from avsync.data.sources import SUFFIXES
from avsync.media.write import write_video
from media.damaged import DAMAGED, KINDS, draw_corpus
from mouths import draw_mouth

DAMAGED_SHARE = 0.05
CONTAINERS = (".mp4", ".mkv", ".mov", ".avi")


def draw(folder: Path, count: int) -> int:
    """Fill ``folder``; how many of its files are damaged."""
    bad = round(DAMAGED_SHARE * count)
    corpus = folder.parent / "corpus"
    kinds = sum(verdict == DAMAGED for *_, verdict in KINDS)
    drawn = draw_corpus(corpus, len(KINDS) * -(-bad // kinds))
    damaged = [name for name, verdict in drawn.items() if verdict == DAMAGED and Path(name).suffix in SUFFIXES][:bad]
    folder.mkdir()
    for name in damaged:
        (corpus / name).rename(folder / f"damaged_{name}")
    for seed, suffix in enumerate(CONTAINERS):
        clip = draw_mouth(seed, seconds=2.0)
        write_video(corpus / f"good{suffix}", clip.frames, clip.audio)
    for number in range(count - len(damaged)):
        suffix = CONTAINERS[number % len(CONTAINERS)]
        os.link(corpus / f"good{suffix}", folder / f"good_{number:05d}{suffix}")
    return len(damaged)


def main() -> None:
    """Kill, resume, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000, help="default: 1000")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="default: one a core")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which it is killed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        folder, out = Path(room) / "files", Path(room) / "rows.jsonl"
        bad = draw(folder, given.files)
        told = ["--crop", "none", "--checkpoint", "syncnet", "--workers", str(given.workers), "--out", str(out)]
        command = [sys.executable, "-m", "avsync", "offset", str(folder), *told]
        start = time.monotonic()
        moments = sorted(random.Random(given.seed).sample(range(given.files // 10, 9 * given.files // 10), 2))
        for enough in moments:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < enough):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
            print(f"killed with {len(out.read_bytes().splitlines())} rows", flush=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        counts = Counter(row["file"] for row in rows)
        print(f"exit status {done.returncode}: {done.stdout.splitlines()[-1]}")
        print(f"{given.files} files, {bad} damaged; {time.monotonic() - start:.0f} s, {given.workers} processes")
        print(f"{len(rows)} rows, {sum(n > 1 for n in counts.values())} files twice, "
              f"{sum(str(file) not in counts for file in folder.iterdir())} lost")  # fmt: skip
        wrong = [row["file"] for row in rows if "error" not in row and Path(row["file"]).name.startswith("damaged")]
        failed = [row["file"] for row in rows if "error" in row and Path(row["file"]).name.startswith("good")]
        print(f"{sum('error' in row for row in rows)} errors; {len(failed)} good files refused; of the damaged ones "
              f"{len(wrong)} were measured as far as they go")  # fmt: skip


if __name__ == "__main__":
    main()
