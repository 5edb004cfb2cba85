"""Where things stand: walls, floors, fields with skies, and what hangs on them; nothing of it moves or sounds."""

from __future__ import annotations

import cv2
import numpy as np

from avsync.synthetic.events.brush import Brush, Colour, shade

_WALLS = ("plain", "gradient", "bricks", "boards", "stripes", "blotches", "tiles")
_FLOORS = ("plain", "boards", "tiles", "grass")


def draw_backdrop(width: int, height: int, floor: int, draw: np.random.Generator) -> tuple[np.ndarray, str]:
    """A picture (height, width, 3) uint8 RGB and its name; below row ``floor`` is ground to stand on."""
    wall, ground = str(draw.choice(_WALLS)), str(draw.choice(_FLOORS))
    picture = np.empty((height, width, 3), np.float32)
    picture[:floor] = _surface(wall, floor, width, _muted(draw), draw)
    picture[floor:] = _surface(ground, height - floor, width, _muted(draw), draw)
    picture[floor - 2 : floor + 1] *= draw.uniform(0.6, 0.95)
    rows, columns = np.ogrid[0:height, 0:width]
    x, y = draw.uniform(0, width), draw.uniform(0, floor)
    light = 1.1 - draw.uniform(0.1, 0.5) * np.hypot(columns - x, rows - y) / np.hypot(width, height)
    flat = np.ascontiguousarray((picture * light[..., None]).clip(0, 255).astype(np.uint8))
    brush = Brush(flat)
    for _ in range(int(draw.integers(0, 4))):
        _hang(brush, width, floor, draw)
    return cv2.GaussianBlur(flat, (0, 0), draw.uniform(0.4, 1.4)), f"{wall}/{ground}"


def _muted(draw: np.random.Generator) -> np.ndarray:
    colour = draw.uniform(30, 225, 3)
    grey = colour.mean()
    return (grey + (colour - grey) * draw.uniform(0.1, 0.7)).astype(np.float32)


def _surface(kind: str, height: int, width: int, colour: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """(height, width, 3) of a wall or a floor: a colour and how bright it is where."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    if kind == "gradient":
        share = 0.75 + 0.5 * y / height if draw.random() < 0.5 else 1.25 - 0.5 * y / height
    elif kind in ("bricks", "tiles", "boards"):
        share = _blocks(kind, x, y, draw)
    elif kind == "stripes":
        share = 1 + 0.14 * np.sign(np.sin(x * draw.uniform(0.15, 0.6)))
    elif kind in ("blotches", "grass"):
        grain = draw.uniform(1, 2.5) if kind == "grass" else draw.uniform(4, 16)
        noise = cv2.GaussianBlur(draw.standard_normal((height, width)).astype(np.float32), (0, 0), grain)
        share = 1 + 0.16 * noise / max(1e-6, float(noise.std()))
    else:
        share = np.ones_like(x)
    return colour * share[..., None]


def _blocks(kind: str, x: np.ndarray, y: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    high, wide = draw.uniform(7, 22), draw.uniform(14, 34)
    if kind == "boards":
        high, wide = 999.0, draw.uniform(8, 20)
    row = np.floor(y / high)
    shifted = x + (0.5 * wide * (row % 2) if kind == "bricks" else 0)
    column = np.floor(shifted / wide)
    tints = draw.uniform(0.88, 1.1, (64, 64)).astype(np.float32)
    share = tints[row.astype(int) % 64, column.astype(int) % 64]
    joint = (y % high < 1) | (shifted % wide < 1)
    return np.where(joint, 0.72, share)


def _hang(brush: Brush, width: int, floor: int, draw: np.random.Generator) -> None:
    """A picture, a window or a shelf on the wall."""
    red, green, blue = (float(value) for value in _muted(draw))
    colour: Colour = (red, green, blue)
    x, y = draw.uniform(0, width), draw.uniform(0, 0.8 * floor)
    wide, high = draw.uniform(10, 36), draw.uniform(8, 30)
    kind = draw.integers(3)
    if kind == 0:
        brush.polygon([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], shade(colour, 0.5))
        inner = [(x + 3, y + 3), (x + wide - 3, y + 3), (x + wide - 3, y + high - 3), (x + 3, y + high - 3)]
        brush.polygon(inner, shade(colour, 1.3), edge=False)
    elif kind == 1:
        brush.polygon([(x, y), (x + wide, y), (x + wide, y + wide), (x, y + wide)], (196, 218, 236))
        brush.line([(x + wide / 2, y), (x + wide / 2, y + wide)], 2, shade(colour, 0.9))
        brush.line([(x, y + wide / 2), (x + wide, y + wide / 2)], 2, shade(colour, 0.9))
    else:
        brush.polygon([(x, y), (x + 1.4 * wide, y), (x + 1.4 * wide, y + 4), (x, y + 4)], shade(colour, 0.6))
        for k in range(4):
            tall = draw.uniform(5, 14)
            left = x + 2 + 0.32 * wide * k
            brush.polygon([(left, y - tall), (left + 6, y - tall), (left + 6, y), (left, y)], _book(draw))


def _book(draw: np.random.Generator) -> Colour:
    red, green, blue = (float(value) for value in draw.uniform(40, 220, 3))
    return red, green, blue
