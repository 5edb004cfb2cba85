"""Pictures of the report on scenes: heat maps, lines over time, what was retrieved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from avsync.evaluation.page import picture, svg

if TYPE_CHECKING:
    from avsync.evaluation.events import Line, Stretch
    from avsync.evaluation.localization import Heat

SHOWN = 24
"""Frames with heat maps, and clips with lines, that are drawn."""
SIDE = 144
"""Pixels of a picture's side on the page."""
RIGHT, WRONG = (21, 128, 61), (194, 65, 12)


def spread(count: int, most: int = SHOWN) -> list[int]:
    """At most ``most`` of ``count`` indices, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist() if count else []


def sized(pixels: np.ndarray, side: int = SIDE) -> np.ndarray:
    """(H, W, 3) uint8 to (side, side, 3), the middle square by its nearest pixels."""
    pixels = middle(pixels)
    rows, columns = (((np.arange(side) + 0.5) * length / side).astype(int) for length in pixels.shape[:2])
    return pixels[rows][:, columns]


def middle(pixels: np.ndarray) -> np.ndarray:
    """The central square of (H, W, ...), which is what the network sees of a frame."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def coloured(values: np.ndarray, name: str = "inferno") -> np.ndarray:
    """(H, W) in 0...1 to (H, W, 3) uint8."""
    return (255 * matplotlib.colormaps[name](values)[..., :3]).round().astype(np.uint8)


def beside(*pictures: np.ndarray, gap: int = 4) -> np.ndarray:
    """Pictures of one height in a row, with white between them."""
    white = np.full((pictures[0].shape[0], gap, 3), 255, np.uint8)
    row = [part for pixels in pictures for part in (white, pixels)]
    return np.concatenate(row[1:], axis=1)


def framed(pixels: np.ndarray, colour: tuple[int, int, int], width: int = 4) -> np.ndarray:
    """A picture with a border drawn over its edge."""
    drawn = pixels.copy()
    for edge in (drawn[:width], drawn[-width:], drawn[:, :width], drawn[:, -width:]):
        edge[:] = colour
    return drawn


def outline(inside: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of ``inside`` (H, W) with one beside them that is not."""
    near = np.pad(inside, 1, mode="edge")
    return inside & ~(near[:-2, 1:-1] & near[2:, 1:-1] & near[1:-1, :-2] & near[1:-1, 2:])


def heat_figures(heats: Sequence[Heat], threshold: float) -> list[str]:
    """Frame, heat map over it with the line of the threshold, and mask, of some frames."""
    said = (
        "<p>Frame, heat map of its sound (the line is where it passes "
        f"{threshold:.2f} of its range, fitted on validation; the cross is its highest value), mask of what sounds.</p>"
    )
    return [said, '<div class="grid">', *(_heat(heats[number], threshold) for number in spread(len(heats))), "</div>"]


def _heat(heat: Heat, threshold: float) -> str:
    shown = sized(heat.picture)
    scaled = F.interpolate(heat.scaled()[None, None], (SIDE, SIDE), mode="bilinear")[0, 0].numpy()
    mask = sized(heat.mask.numpy()[..., None])[..., 0]
    grey = shown.mean(-1, keepdims=True)
    over = (0.45 * grey + 0.55 * coloured(scaled)).astype(np.uint8)
    over[outline(scaled >= threshold)] = 255
    top, left = np.unravel_index(int(scaled.argmax()), scaled.shape)
    for rows, columns in (((top - 4, top + 5), (left, left + 1)), ((top, top + 1), (left - 4, left + 5))):
        over[max(0, rows[0]) : rows[1], max(0, columns[0]) : columns[1]] = (0, 200, 255)
    inside = "inside" if mask[top, left] else "outside"
    told = np.where(mask[..., None], shown, shown // 4)
    return picture(beside(shown, over, told), f"{heat.key} at {heat.time:.2f} s: points {inside}")


def event_figures(lines: Sequence[Line], threshold: float) -> list[str]:
    """Cosine over time of some clips, with the threshold and the truth."""
    said = (
        "<p>Cosine of picture and sound over time; the dashed line is the threshold, fitted on validation. Grey: "
        "something that is seen sounds. Bar below: what was detected.</p>"
    )
    figures = (_line(lines[number], threshold) for number in spread(len(lines)))
    return [said, '<div class="grid">', *figures, "</div>"]


def _line(line: Line, threshold: float) -> str:
    figure = Figure(figsize=(3.6, 2.0), layout="constrained")
    axes = figure.subplots()
    times = (np.arange(len(line.scores)) + 0.5) * line.hop
    for start, end in line.truth:
        axes.axvspan(start, end, color="#d5dae3")
    axes.plot(times, line.scores, color="#2456a6")
    axes.axhline(threshold, color="#8a93a6", linestyle="--", linewidth=1)
    bottom = min(float(line.scores.min()), threshold) - 0.05
    for start, end in _above(line, threshold):
        axes.plot([start, end], [bottom, bottom], color="#c2410c", linewidth=4, solid_capstyle="butt")
    axes.set_xlim(0, line.seconds)
    axes.set_xlabel("s")
    return svg(figure, line.key)


def _above(line: Line, threshold: float) -> list[Stretch]:
    from avsync.evaluation.events import detected

    return detected(line.scores, threshold, line.hop)


def retrieved(similarity: Tensor, pictures: Sequence[np.ndarray], keys: Sequence[str], shown: int = 6) -> list[str]:
    """Queries that found their sound by the widest margin and by the lowest, each with the three it liked most.

    Args:
        similarity: (N, N) of pictures, rows, with sounds.
        pictures: N (H, W, 3) uint8.
        keys: N names.
        shown: Of the best and of the worst.
    """
    others = similarity.clone()
    others.fill_diagonal_(-torch.inf)
    margin = similarity.diagonal() - (others.amax(1) if len(keys) > 1 else 0)
    order = margin.argsort(descending=True).tolist()
    small = [sized(pixels) for pixels in pictures]
    parts = [
        "<p>Left: the picture that looked for its sound. Then the clips whose sounds were most similar, the best "
        "first; green is its own.</p>"
    ]
    for title, chosen in (("Best", order[:shown]), ("Worst", order[: -shown - 1 : -1])):
        parts += [f"<h3>{title}</h3>", '<div class="grid">']
        for query in chosen:
            found = similarity[query].argsort(descending=True)[:3].tolist()
            row = [framed(small[clip], RIGHT if clip == query else WRONG) for clip in found]
            rank = int((similarity[query] >= similarity[query, query]).sum())
            parts.append(picture(beside(small[query], *row), f"{keys[query]}: its own sound came {_th(rank)}"))
        parts.append("</div>")
    return parts


def _th(rank: int) -> str:
    """1st, 2nd, 3rd, 11th."""
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{ending}"
