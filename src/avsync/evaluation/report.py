"""A run's report: one self-contained HTML page with its numbers, its training curve and the distance curves."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from avsync import clock
from avsync.evaluation.calibration import Bin
from avsync.evaluation.page import svg, table, training_curve, write_page
from avsync.evaluation.protocols import FRAMES, SEARCH

if TYPE_CHECKING:
    from avsync.evaluation.offsets import Measured

SHOWN = 24
"""Clips whose curves are drawn."""


def write_report(run: Path, metrics: dict[str, float], measured: list[Measured], bins: list[Bin]) -> Path:
    """Write ``run/report.html`` and return its path.

    Args:
        run: The run folder; its ``logs/metrics.csv``, if there, gives the training curve.
        metrics: What metrics.json holds.
        measured: The test clips.
        bins: Stated chances of being right beside the share that was.
    """
    parts = [
        f"<h1>avsync: {html.escape(run.name)}</h1>",
        "<p>Offset accuracy on the test split: the sound of each clip is shifted by a known number of frames, the "
        "offset is searched over ±15 frames and counts as correct within ±1 frame. Chance is 3 in 31, 0.097.</p>",
        _table(metrics),
        f"<p>Binary pairs, in sync against shifted (chance 0.5): <b>{metrics['test/pair_acc']:.3f}</b>. "
        f"Whole clips: <b>{metrics.get('test/clip/offset_acc', float('nan')):.3f}</b> within ±1 frame, "
        f"mean error {metrics.get('test/clip/offset_mae_ms', float('nan')):.0f} ms.</p>",
        training_curve(
            run / "logs" / "metrics.csv", ("train/loss", "val/loss"), ("val/offset_acc_k5", "val/offset_acc_k15")
        ),
        _calibration(bins, metrics),
        "<h2>Distance curves</h2><p>Mean distance over a clip's speech for every candidate offset. The dashed line "
        "is the true offset, the dot what was measured; positive: the audio is early.</p>",
        '<div class="grid">' + "".join(_curve(clip) for clip in measured[:SHOWN]) + "</div>",
        "<h2>Distance matrix</h2>" + (_matrix(measured[0]) if measured else ""),
    ]
    return write_page(run / "report.html", "avsync report", parts)


def _table(metrics: dict[str, float]) -> str:
    rows = []
    for k in FRAMES:
        values = [metrics.get(f"test/offset_acc{part}/k{k}", float("nan")) for part in ("", "_all")]
        errors = [metrics.get(f"test/offset_mae_ms{part}/k{k}", float("nan")) for part in ("", "_all")]
        rows.append([str(k), *(f"{value:.3f}" for value in values), *(f"{value:.0f} ms" for value in errors)])
    return table(("frames averaged", "accuracy, speech", "accuracy, all", "error, speech", "error, all"), rows)


def _calibration(bins: list[Bin], metrics: dict[str, float]) -> str:
    figure = Figure(figsize=(4, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#8a93a6", linestyle="--", linewidth=1)
    axes.plot([row.stated for row in bins], [row.observed for row in bins], "o-", color="#2456a6")
    axes.set_xlabel("stated chance")
    axes.set_ylabel("share that was right")
    rows = [[f"{value:.3f}" for value in (row.stated, row.observed, row.weight)] for row in bins]
    counted = table(("stated chance", "share that was right", "share of the answers"), rows)
    said = (
        "<h2>Calibration</h2><p>The chance of being right within ±1 frame that the checkpoint states for runs of 5 to "
        "105 frames and for whole clips, one in twenty of them with sound of another clip, beside the share that was. "
        f"Mean distance (ECE): <b>{metrics['test/calibration/ece']:.3f}</b>.</p>"
    )
    return said + svg(figure, "On the dashed line chances are what they say.") + counted


def _curve(clip: Measured) -> str:
    found = clip.estimate()
    if found is None:
        return ""
    figure = Figure(figsize=(3.6, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(np.arange(-SEARCH, SEARCH + 1), found.curve.numpy(), color="#2456a6")
    axes.axvline(clip.true, color="#8a93a6", linestyle="--", linewidth=1)
    axes.plot(found.frames, float(found.curve[found.frames + SEARCH]), "o", color="#c2410c")
    axes.set_xlabel("offset in frames")
    said = f"{clip.key}: shifted {clip.true:+d}, measured {found.frames:+d}, confidence {found.confidence:.2f}"
    return svg(figure, f"{said} ({clock.describe(found.offset)}).")


def _matrix(clip: Measured) -> str:
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    side = SEARCH + 0.5
    picture = axes.imshow(
        clip.distances.numpy().T, aspect="auto", cmap="viridis", origin="lower",
        extent=(0, clock.seconds(len(clip.distances)), -side, side),
    )  # fmt: skip
    axes.set_xlabel("time in s")
    axes.set_ylabel("offset in frames")
    figure.colorbar(picture, label="distance")
    return svg(figure, f"{clip.key}, shifted by {clip.true:+d} frames: the dark line is where sound and lips agree.")
