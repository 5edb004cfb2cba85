"""Painting the mouth in a pose: lips, teeth, tongue and the dark between them, antialiased by their own curves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avsync.synthetic.identity import Identity
from avsync.synthetic.portrait import MIDDLE
from avsync.synthetic.visemes import BITE, JAW, OPEN, PRESS, RAISE, ROUND, TONGUE, WIDTH

LEFT, RIGHT = int(MIDDLE) - 40, int(MIDDLE) + 40
ABOVE, BELOW = 22, 46
"""The patch painted: columns LEFT..RIGHT, rows from ABOVE over the mouth to BELOW under it."""

_CAVITY = np.array([46, 14, 16], np.float32)
_TONGUE = np.array([172, 84, 86], np.float32)
_TEETH = np.array([236, 226, 206], np.float32)
_TEETH_LENGTH = 8.5


@dataclass(frozen=True)
class Shape:
    """The curves of a mouth over the patch's columns, each (W,), in pixels of the portrait."""

    across: np.ndarray
    inside: np.ndarray
    outer_top: np.ndarray
    inner_top: np.ndarray
    inner_bottom: np.ndarray
    outer_bottom: np.ndarray
    seam: np.ndarray

    @property
    def opening(self) -> float:
        """Largest gap between the lips, in pixels."""
        return float((self.inner_bottom - self.inner_top).max())


def mouth_shape(who: Identity, pose: np.ndarray) -> Shape:
    """The lips' curves in a pose (len(POSE),)."""
    x = np.arange(LEFT, RIGHT, dtype=np.float32) + 0.5 - MIDDLE
    half = who.mouth_width * (1 + 0.17 * pose[WIDTH] - 0.32 * pose[ROUND] + 0.02 * pose[OPEN])
    across = x / half
    within = (1 - across**2).clip(0, 1)
    inner_half = half * (0.90 - 0.12 * pose[ROUND])
    inside = (1 - np.abs(x / inner_half) ** 2.4).clip(0, 1) ** (0.62 + 0.05 * pose[WIDTH])
    gap = who.max_open * pose[OPEN]
    bite = min(1.0, float(pose[BITE]))
    shown = 3.2 * bite + 2.2 * pose[RAISE] * min(1.0, 4 * float(pose[OPEN]) + bite)
    up = 0.20 * gap + shown
    down = 0.80 * gap * (1 - 0.5 * bite) - 0.8 * bite
    # corners drop a little with the jaw, the seam of closed lips is their line
    seam = who.mouth_y + who.corners * across**2 + 0.28 * who.jaw_travel * pose[JAW] * (0.35 + 0.65 * across**2)
    rest = who.mouth_y + who.corners * across**2 + 0.12 * who.jaw_travel * pose[JAW]
    seam = seam + (rest - seam) * within
    inner_top, inner_bottom = seam - up * inside, seam + np.maximum(down, -up) * inside
    thin = 1 - 0.5 * min(1.0, float(pose[PRESS]))
    full = thin * (1 + 0.22 * pose[ROUND] - 0.10 * pose[WIDTH])
    cupid = 1 - who.bow * np.exp(-((x / 2.6) ** 2)) + 0.18 * np.exp(-(((np.abs(x) - 5.5) / 4) ** 2))
    upper = who.upper_lip * full * within**0.8 * cupid * (1 - 0.12 * pose[OPEN] - 0.25 * bite)
    lower = who.lower_lip * full * within**0.62 * (1 - 0.10 * pose[OPEN] - 0.4 * bite)
    return Shape(across, inside, inner_top - upper, inner_top, inner_bottom, inner_bottom + lower, seam)


def paint_mouth(canvas: np.ndarray, who: Identity, pose: np.ndarray, shade: np.ndarray, grain: np.ndarray) -> None:
    """Paint the mouth over a portrait's skin.

    Args:
        canvas: (H, W, C >= 3) uint8 portrait; changed in place.
        who: Whose mouth.
        pose: (len(POSE),) from `avsync.synthetic.visemes.mouth_poses`.
        shade: (H, W) brightness that the light gives the face.
        grain: (H, W) fine noise around 0 that makes the wrinkles of the lips.
    """
    top = round(who.mouth_y) - ABOVE
    rows = slice(top, round(who.mouth_y) + BELOW)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5
    shape = mouth_shape(who, pose)
    patch = canvas[rows, LEFT:RIGHT, :3]
    lit = shade[rows, LEFT:RIGHT]
    skin = patch * _skin_shadow(shape, y, pose)[..., None]
    on_lips = _between(y, shape.outer_top, shape.outer_bottom)
    in_gap = _between(y, shape.inner_top, shape.inner_bottom)
    lips = _lips(who, shape, y, lit, grain[rows, LEFT:RIGHT])
    colour = skin + (lips - skin) * on_lips[..., None]
    if shape.opening > 0.3:
        colour += (_mouth_inside(who, shape, y, pose, lit) - colour) * in_gap[..., None]
    patch[:] = colour.clip(0, 255)


def _between(y: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """(H, W) share of each pixel that lies between two curves."""
    return np.minimum((y - top + 0.5).clip(0, 1), (bottom - y + 0.5).clip(0, 1)) * ((bottom - top) > 0.05)


def _skin_shadow(shape: Shape, y: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Shadow under the lower lip, stronger when the lips come forward, and the corners' dimples."""
    under = y - shape.outer_bottom
    fade = (1 - shape.across**2).clip(0, 1)
    forward = 0.16 + 0.16 * float(pose[ROUND])
    shadow = forward * np.exp(-((under - 2.5) ** 2) / 9) * fade
    corner = 0.30 * np.exp(-(((np.abs(shape.across) - 1.02) * 12) ** 2) - ((y - shape.seam) / 1.8) ** 2)
    edge = 0.05 * np.exp(-((y - shape.outer_top + 1.5) ** 2) / 3) * fade  # a light rim over the upper lip
    return 1 - shadow - corner + edge


def _lips(who: Identity, shape: Shape, y: np.ndarray, lit: np.ndarray, grain: np.ndarray) -> np.ndarray:
    upper = (y - shape.outer_top) / np.maximum(shape.inner_top - shape.outer_top, 0.5)
    lower = (y - shape.inner_bottom) / np.maximum(shape.outer_bottom - shape.inner_bottom, 0.5)
    is_upper = y < 0.5 * (shape.inner_top + shape.inner_bottom)
    tone_upper = 0.95 - 0.22 * upper.clip(0, 1) ** 1.5
    bulge = lower.clip(0, 1)
    tone_lower = 0.90 + 0.30 * np.exp(-(((bulge - 0.38) / 0.25) ** 2)) * (1 - 0.5 * shape.across**2) - 0.18 * bulge**3
    tone = np.where(is_upper, tone_upper, tone_lower) * (1 - 0.12 * np.abs(shape.across) ** 3)
    gap = shape.inner_bottom - shape.inner_top
    line = 0.55 * np.exp(-(((y - shape.seam) / 0.95) ** 2)) * (1 - gap / 1.5).clip(0, 1)
    tone = tone * (1 - line) * (1 + 0.05 * grain) * lit
    return tone[..., None] * np.array(who.lips, np.float32)


def _mouth_inside(who: Identity, shape: Shape, y: np.ndarray, pose: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """(H, W, 3) cavity, tongue and both rows of teeth; what the lips cover is cut away by the caller."""
    jaw = who.jaw_travel * float(pose[JAW])
    depth = ((y - shape.inner_top) / 8).clip(0, 1)
    light = lit * (0.62 + 0.38 * (1 - shape.across**2).clip(0, 1))
    colour = _CAVITY * (0.7 + 0.6 * depth[..., None])
    middle = np.abs(shape.across)
    teeth_edge = who.mouth_y + who.teeth_drop - 2.2 * shape.across**2
    lower_edge = who.mouth_y + who.teeth_drop - 0.5 + 0.80 * jaw + 1.5 * shape.across**2
    resting = lower_edge + 1.5
    tip = resting + (teeth_edge - 1.0 - resting) * min(1.0, float(pose[TONGUE]))
    tongue_top = tip + 7 * (middle / 0.7) ** 2.5
    on_tongue = (y - tongue_top + 0.5).clip(0, 1) * ((0.72 - middle) / 0.1).clip(0, 1)
    roundness = (
        0.72 + 0.25 * np.exp(-(((y - tongue_top - 2.5) / 3) ** 2)) - 0.12 * np.exp(-((shape.across / 0.06) ** 2))
    )
    colour = colour + (_TONGUE * (roundness * light)[..., None] - colour) * on_tongue[..., None]
    gaps = 1 - 0.10 * (np.cos(shape.across * who.mouth_width * 1.5) > 0.86)
    white = _TEETH * (who.teeth_brightness * gaps * light)[..., None]
    lower = (y - lower_edge + 0.5).clip(0, 1) * ((0.66 - middle) / 0.12).clip(0, 1)
    colour = colour + (white * 0.86 - colour) * lower[..., None]
    upper = (teeth_edge - y + 0.5).clip(0, 1) * (y - teeth_edge + _TEETH_LENGTH).clip(0, 1)
    upper = upper * ((0.80 - middle) / 0.12).clip(0, 1)
    colour = colour + (white - colour) * upper[..., None]
    # the upper lip's shadow on whatever lies behind it
    return colour * (0.68 + 0.32 * ((y - shape.inner_top) / 2.2).clip(0, 1))[..., None]


def jaw_maps(who: Identity) -> tuple[np.ndarray, slice, np.ndarray]:
    """What the jaw moves: (h, w) share of its travel per pixel, the rows, and the rows' own coordinates (h, w)."""
    first, last = round(who.mouth_y) - 14, round(who.chin) + 34
    y = np.arange(first, last, dtype=np.float32)[:, None]
    x = np.arange(int(2 * MIDDLE), dtype=np.float32)[None, :]
    rise = ((y - first) / 22).clip(0, 1)
    fall = ((last - 4 - y) / 26).clip(0, 1)
    side = 1 - (np.abs(x - MIDDLE) / (who.face_width * 1.25)).clip(0, 1) ** 3
    share = (rise * rise * (3 - 2 * rise) * fall * side).astype(np.float32)
    return cv2.GaussianBlur(share, (0, 0), 2), slice(first, last), np.broadcast_to(y, share.shape).astype(np.float32)
