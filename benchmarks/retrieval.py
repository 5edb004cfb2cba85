"""Seconds to score retrieval in both directions from stored embeddings, as products beside the plain loop.

    python benchmarks/retrieval.py --clips 1500 --frames 16 --width 768

The loop takes every pair of clips by itself, as released code does, on as many clips as ``--loop``; its time for all
is that of a pair times the number of pairs. Both give the same scores (tests/test_benchmarks.py). The middle of several
times counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from avsync.evaluation.retrieval import AGGREGATIONS, recalls, similarities


def plain_loop(video: Tensor, audio: Tensor, aggregation: str) -> Tensor:
    """Similarities (N, M) of (N, F, D) with (M, F, D), pair by pair."""
    rows = torch.zeros(len(video), len(audio))
    for i, picture in enumerate(video):
        for j, sound in enumerate(audio):
            cosine = picture @ sound.T
            chosen = cosine.diagonal() if aggregation.startswith("diagonal") else cosine
            rows[i, j] = chosen.max() if aggregation.endswith("max") else chosen.mean()
    return rows


def products(video: Tensor, audio: Tensor, aggregation: str) -> None:
    """What an evaluation does: similarities, then ranks both ways."""
    similarity = similarities(video, audio, aggregation)
    recalls(similarity)
    recalls(similarity.T)


def seconds(work: Callable[[], object], times: int) -> float:
    """The middle of some runs of ``work``, after one that warms up."""
    spent = []
    for _ in range(times + 1):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


def table(options: argparse.Namespace) -> list[str]:
    """A row for every aggregation."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    draw = torch.Generator().manual_seed(0)
    shape = (options.clips, options.frames, options.width)
    video, audio = (F.normalize(torch.randn(shape, generator=draw), dim=-1) for _ in range(2))
    few = options.loop
    lines = [
        "# Retrieval from stored embeddings",
        "",
        f"`python {' '.join(sys.argv)}` at commit {git.stdout.strip() or 'unknown'}; {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads. {options.clips} clips of {options.frames} x {options.width} float32; the "
        f"loop ran over {few} x {few} pairs, its time for all is reckoned from that.",
        "",
        "| aggregation | products, s | plain loop, s | times as fast |",
        "|---|--:|--:|--:|",
    ]
    for aggregation in options.aggregations:
        fast = seconds(partial(products, video, audio, aggregation), options.times)
        slow = seconds(partial(plain_loop, video[:few], audio[:few], aggregation), 1) * (options.clips / few) ** 2
        lines.append(f"| {aggregation} | {fast:.2f} | {slow:.0f} | {slow / fast:.0f} |")
    return lines


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1500)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--aggregations", nargs="+", default=list(AGGREGATIONS), choices=AGGREGATIONS)
    parser.add_argument("--loop", type=int, default=60, help="clips of the plain loop (default 60)")
    parser.add_argument("--times", type=int, default=3, help="that products are timed (default 3)")
    parser.add_argument("--out", type=Path, help="a Markdown file")
    options = parser.parse_args()
    page = "\n".join(table(options)) + "\n"
    if options.out:
        options.out.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
