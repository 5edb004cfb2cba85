"""What every page of avsync is made of: its style, figures, pictures and tables, all inside one file."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imsave

from avsync.media.atomic import whole_file

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1d2433 }
table { border-collapse: collapse }
th, td { padding: .3rem .9rem; text-align: right }
td { border-bottom: 1px solid #d5dae3 }
figure { margin: 1.5rem 0 } figcaption { color: #566074; font-size: .9rem } svg { max-width: 100%; height: auto }
img { max-width: 100% }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: .5rem }
h2 { margin-top: 2rem }
"""


def write_page(path: Path, title: str, parts: Iterable[str]) -> Path:
    """Write a self-contained page and return its path.

    Args:
        path: HTML file.
        title: Of the window.
        parts: HTML, one below the other.
    """
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
    with whole_file(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return path


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{cell}' for cell in head)}</tr>{body}</table>"


def svg(figure: Figure, caption: str) -> str:
    """A figure of a page, which says its caption to who cannot see it."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{html.escape(caption)}"', 1)
    return f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"


def picture(pixels: np.ndarray, caption: str) -> str:
    """A figure of one (H, W, 3) uint8 image."""
    return f'<figure><img alt="" src="{png(pixels)}"><figcaption>{html.escape(caption)}</figcaption></figure>'


def png(pixels: np.ndarray) -> str:
    """An (H, W, 3) uint8 image as the address of an ``img``."""
    stream = io.BytesIO()
    imsave(stream, pixels, format="png")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def training_curve(path: Path, left: Sequence[str], right: Sequence[str]) -> str:
    """Two plots of a run's ``logs/metrics.csv`` against the step; nothing where there is no such file.

    Args:
        path: The file.
        left: Columns of one plot, losses.
        right: Columns of the other.
    """
    if not path.is_file():
        return ""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, names in zip(figure.subplots(1, 2), (left, right), strict=True):
        for name in names:
            points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
            axes.plot(*zip(*points, strict=True) if points else ([], []), label=name)
        axes.set_xlabel("step")
        if names:
            axes.legend(frameon=False)
    return "<h2>Training</h2>" + svg(figure, "Loss and validation accuracy against training step.")
