"""What a filter found, as one self-contained page: the scores with the line between them, and what was dropped."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from avsync.alignment.filter import Judged
from avsync.alignment.verdicts import summary
from avsync.data.shards import read_clips
from avsync.data.verdicts import CORRECTED, DROP, KEEP
from avsync.evaluation.page import picture, svg, write_page

SHOWN = 48
"""Clips whose pictures are shown: the ones nearest to the line, where errors would be, and some of each reason."""
STRIP = 5
"""Pictures of each."""
COLOURS = {KEEP: "#2456a6", CORRECTED: "#15803d", DROP: "#c2410c"}


def write_verdict_page(path: Path, judged: Judged, folder: Path) -> None:
    """Write the page.

    Args:
        path: HTML file.
        judged: Every clip of ``folder``.
        folder: The shards, for the pictures.
    """
    line = judged.line
    near = sorted((row for row in judged.rows if row["verdict"] != KEEP), key=lambda row: -np.nan_to_num(row["score"]))
    shown = {row["key"]: row for row in _spread(near)}
    strips = {clip.key: _strip(clip.frames) for clip in read_clips(folder) if clip.key in shown} if shown else {}
    parts = [
        f"<h1>{html.escape(str(folder))}</h1><p>{html.escape(summary(judged.rows))}.</p>",
        "<p>A score tells how far a clip's distance at offset 0 (±1 frame) lies below the rest of its curve, in "
        "standard deviations of the same for the same face with other people's sound. Below the line, at "
        f"{line.mixture.threshold:.2f}, a clip is more likely one that does not match: about "
        f"{line.mixture.share:.0%} of those with sound and motion. {line.false_keep:.1%} of wrong pairings "
        "lie above it.</p>",
        _histograms(judged),
        "<h2>Dropped and corrected</h2>",
        '<div class="grid">' + "".join(_figure(row, strips[key]) for key, row in shown.items()) + "</div>",
    ]
    write_page(path, "avsync filter", parts)


def _spread(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Half of what is shown from the top, half evenly from the rest."""
    top, rest = rows[: SHOWN // 2], rows[SHOWN // 2 :]
    return top + rest[:: max(1, -(-len(rest) // (SHOWN // 2)))]


def _histograms(judged: Judged) -> str:
    figure = Figure(figsize=(9, 3), layout="constrained")
    scores, best = figure.subplots(1, 2)
    for axes, name, wrong, line in (
        (scores, "score", "wrong", judged.line.mixture.threshold),
        (best, "best", "wrong_best", judged.line.shifted),
    ):
        chance = np.array([value for row in judged.rows for value in row[wrong]])
        groups = {verdict: _finite(judged.rows, name, verdict) for verdict in COLOURS}
        edges = np.histogram_bin_edges(np.concatenate([*groups.values(), chance]), 60)
        groups = {verdict: values for verdict, values in groups.items() if len(values)}
        colours = [COLOURS[verdict] for verdict in groups]
        axes.hist(list(groups.values()), edges, stacked=True, label=list(groups), color=colours)
        if len(chance):
            weights = np.full(len(chance), len(judged.rows) / len(chance))
            axes.hist(chance, edges, weights=weights, histtype="step", color="#566074", label="wrong pairings")
        if np.isfinite(line):
            axes.axvline(line, color="#1d2433", linestyle="--", linewidth=1)
        axes.legend(frameon=False)
        axes.set_ylabel("clips")
    scores.set_xlabel("score at offset 0")
    best.set_xlabel("score at the best offset")
    return svg(figure, "Scores of the set and of wrong pairings of the same size; dashed: the lines.")


def _finite(rows: list[dict[str, Any]], name: str, verdict: str) -> np.ndarray:
    values = np.array([row[name] for row in rows if row["verdict"] == verdict], float)
    return values[np.isfinite(values)]


def _figure(row: dict[str, Any], strip: np.ndarray) -> str:
    return picture(strip, f"{row['key']}: {row['verdict']}, {row['reason']} (score {row['score']:.1f})")


def _strip(frames: np.ndarray) -> np.ndarray:
    """Some frames side by side."""
    chosen = frames[np.linspace(0, len(frames) - 1, STRIP).round().astype(int)]
    step = max(1, chosen.shape[1] // 96)
    return np.concatenate(list(chosen[:, ::step, ::step]), axis=1)
