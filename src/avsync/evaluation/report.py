"""A run's report: one self-contained HTML page with its numbers, its training curve and the distance curves."""

from __future__ import annotations

import csv
import html
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from avsync import clock
from avsync.evaluation.calibration import Bin
from avsync.evaluation.protocols import FRAMES, SEARCH
from avsync.media.atomic import whole_file

if TYPE_CHECKING:
    from avsync.evaluation.offsets import Measured

SHOWN = 24
"""Clips whose curves are drawn."""

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1d2433 }
table { border-collapse: collapse }
th, td { padding: .3rem .9rem; text-align: right }
td { border-bottom: 1px solid #d5dae3 }
figure { margin: 1.5rem 0 } figcaption { color: #566074; font-size: .9rem } svg { max-width: 100%; height: auto }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: .5rem }
h2 { margin-top: 2rem }
"""


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
        _training(run / "logs" / "metrics.csv"),
        _calibration(bins, metrics),
        "<h2>Distance curves</h2><p>Mean distance over a clip's speech for every candidate offset. The dashed line "
        "is the true offset, the dot what was measured; positive: the audio is early.</p>",
        '<div class="grid">' + "".join(_curve(clip) for clip in measured[:SHOWN]) + "</div>",
        "<h2>Distance matrix</h2>" + (_matrix(measured[0]) if measured else ""),
    ]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>avsync report</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
    path = run / "report.html"
    with whole_file(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return path


def _table(metrics: dict[str, float]) -> str:
    head = "<tr><th>frames averaged<th>accuracy, speech<th>accuracy, all<th>error, speech<th>error, all</tr>"
    rows = ""
    for k in FRAMES:
        values = [metrics.get(f"test/offset_acc{part}/k{k}", float("nan")) for part in ("", "_all")]
        errors = [metrics.get(f"test/offset_mae_ms{part}/k{k}", float("nan")) for part in ("", "_all")]
        cells = [str(k), *(f"{value:.3f}" for value in values), *(f"{value:.0f} ms" for value in errors)]
        rows += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    return f"<table>{head}{rows}</table>"


def _calibration(bins: list[Bin], metrics: dict[str, float]) -> str:
    figure = Figure(figsize=(4, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#8a93a6", linestyle="--", linewidth=1)
    axes.plot([row.stated for row in bins], [row.observed for row in bins], "o-", color="#2456a6")
    axes.set_xlabel("stated chance")
    axes.set_ylabel("share that was right")
    head = "<tr><th>stated chance<th>share that was right<th>share of the answers</tr>"
    rows = "".join(f"<tr><td>{row.stated:.3f}<td>{row.observed:.3f}<td>{row.weight:.3f}</tr>" for row in bins)
    said = (
        "<h2>Calibration</h2><p>The chance of being right within ±1 frame that the checkpoint states for runs of 5 to "
        "105 frames and for whole clips, one in twenty of them with sound of another clip, beside the share that was. "
        f"Mean distance (ECE): <b>{metrics['test/calibration/ece']:.3f}</b>.</p>"
    )
    return said + svg(figure, "On the dashed line chances are what they say.") + f"<table>{head}{rows}</table>"


def _training(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, names in (
        (left, ("train/loss", "val/loss")),
        (right, ("val/offset_acc_k5", "val/offset_acc_k15")),
    ):
        for name in names:
            points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
            axes.plot(*zip(*points, strict=True) if points else ([], []), label=name)
        axes.set_xlabel("step")
        axes.legend(frameon=False)
    return "<h2>Training</h2>" + svg(figure, "Loss and validation accuracy against training step.")


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


def svg(figure: Figure, caption: str) -> str:
    """A figure of a page, which says its caption to who cannot see it."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{html.escape(caption)}"', 1)
    return f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"
