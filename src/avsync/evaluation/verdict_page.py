"""What a filter found, as one page: scores with the line between them, offsets, confidences, distances, the dropped."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avsync.alignment.filter import Judged
from avsync.alignment.verdicts import summary
from avsync.data.correct import samples
from avsync.data.shards import decode_frames
from avsync.data.verdicts import CORRECTED, DROP, KEEP
from avsync.evaluation.page import picture, svg, write_page

SHOWN = 48
"""Clips whose pictures are shown: the ones nearest to the line, where errors would be, and some of each reason."""
STRIP = 5
"""Pictures of each."""
COLOURS = {DROP: "#c2410c", CORRECTED: "#15803d", KEEP: "#2456a6"}
"""From the bottom of a stack to its top: few beside many are to be seen on a logarithmic scale."""


def write_verdict_page(path: Path, judged: Judged) -> None:
    """Write the page.

    Args:
        path: HTML file.
        judged: Every clip of a set, whose shards are where they were: they have the pictures.
    """
    line = judged.line
    near = sorted((row for row in judged.rows if row["verdict"] != KEEP), key=lambda row: -np.nan_to_num(row["score"]))
    shown = {row["key"]: row for row in _spread(near)}
    strips = _strips(shown)
    parts = [
        f"<h1>{html.escape(', '.join(judged.about['shards']))}</h1><p>{html.escape(summary(judged.rows))}.</p>",
        "<p>A score tells how far a clip's distance at offset 0 (±1 frame) lies below the rest of its curve, in "
        "standard deviations of the same for the same face with other people's sound. Below the line, at "
        f"{line.mixture.threshold:.2f}, a clip is more likely one that does not match: about "
        f"{line.mixture.share:.0%} of those with sound and motion. {line.false_keep:.1%} of wrong pairings "
        "lie above it.</p>",
        _scores(judged),
        "<h2>Offset, confidence, distance</h2>",
        _measured(judged),
        "<h2>Dropped and corrected</h2>",
        '<div class="grid">' + "".join(_figure(row, strips[key]) for key, row in shown.items()) + "</div>",
    ]
    write_page(path, "avsync filter", parts)


def _spread(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Half of what is shown from the top, half evenly from the rest."""
    top, rest = rows[: SHOWN // 2], rows[SHOWN // 2 :]
    return top + rest[:: max(1, -(-len(rest) // (SHOWN // 2)))]


def _scores(judged: Judged) -> str:
    figure = Figure(figsize=(9, 3), layout="constrained")
    scores, best = figure.subplots(1, 2)
    for axes, name, wrong, line in (
        (scores, "score", "wrong", judged.line.mixture.threshold),
        (best, "best", "wrong_best", judged.line.shifted),
    ):
        chance = np.array([value for row in judged.rows for value in row[wrong]])
        edges = np.histogram_bin_edges(np.concatenate([*_groups(judged.rows, name).values(), chance]), 60)
        _stack(axes, judged.rows, name, edges)
        if len(chance):
            weights = np.full(len(chance), len(judged.rows) / len(chance))
            axes.hist(chance, edges, weights=weights, histtype="step", color="#566074", label="wrong pairings")
        if np.isfinite(line):
            axes.axvline(line, color="#1d2433", linestyle="--", linewidth=1)
    scores.set_xlabel("score at offset 0")
    best.set_xlabel("score at the best offset")
    _legend(figure, scores)
    return svg(figure, "Scores of the set and of wrong pairings of the same size; dashed: the lines.")


def _measured(judged: Judged) -> str:
    """Offset, confidence and distance of the clips that have any: those with sound."""
    rows, search = [row for row in judged.rows if np.isfinite(row["confidence"])], judged.about["search"]
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    axes = figure.subplot_mosaic([["offset", "offset"], ["confidence", "distance"]])
    _stack(axes["offset"], rows, "offset", np.arange(-search - 0.5, search + 1), rwidth=0.8, log=True)
    axes["offset"].set_ylim(bottom=0.6)
    axes["offset"].yaxis.set_major_formatter("{x:g}")
    _legend(figure, axes["offset"])
    axes["offset"].set_xlabel("best offset in frames; positive: the audio is early")
    for name, said in (("confidence", "confidence"), ("distance", "distance at offset 0")):
        values = np.concatenate([*_groups(rows, name).values(), []])
        _stack(axes[name], rows, name, np.histogram_bin_edges(values, 60))
        axes[name].set_xlabel(said)
    return svg(figure, "What was measured of each clip that has sound. Offsets are counted on a logarithmic scale.")


def _stack(axes: Axes, rows: list[dict[str, Any]], name: str, edges: np.ndarray, **look: Any) -> None:
    """A histogram of a column, the verdicts one upon the other."""
    groups = _groups(rows, name)
    if groups:
        colours = [COLOURS[verdict] for verdict in groups]
        axes.hist(list(groups.values()), edges.tolist(), stacked=True, label=list(groups), color=colours, **look)
    axes.set_ylabel("clips")


def _legend(figure: Figure, axes: Axes) -> None:
    """One for all axes, above them, where no bars are."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(COLOURS) + 1, frameon=False)


def _groups(rows: list[dict[str, Any]], name: str) -> dict[str, np.ndarray]:
    """What there is of a column for every verdict that has any of it."""
    groups = {verdict: _finite(rows, name, verdict) for verdict in COLOURS}
    return {verdict: values for verdict, values in groups.items() if len(values)}


def _finite(rows: list[dict[str, Any]], name: str, verdict: str) -> np.ndarray:
    values = np.array([row[name] for row in rows if row["verdict"] == verdict], float)
    return values[np.isfinite(values)]


def _figure(row: dict[str, Any], strip: np.ndarray) -> str:
    return picture(strip, f"{row['key']}: {row['verdict']}, {row['reason']} (score {row['score']:.1f})")


def _strips(shown: dict[str, dict[str, Any]]) -> dict[str, np.ndarray]:
    """By key; only shards with a clip that is shown are read."""
    shards = dict.fromkeys(row["shard"] for row in shown.values())
    stored = (sample for shard in shards for sample in samples(Path(shard)) if sample["__key__"] in shown)
    return {sample["__key__"]: _strip(decode_frames(sample["mp4"])) for sample in stored}


def _strip(frames: np.ndarray) -> np.ndarray:
    """Some frames side by side."""
    chosen = frames[np.linspace(0, len(frames) - 1, STRIP).round().astype(int)]
    step = max(1, chosen.shape[1] // 96)
    return np.concatenate(list(chosen[:, ::step, ::step]), axis=1)
