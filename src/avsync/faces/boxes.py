"""Boxes with words, drawn into pictures."""

from __future__ import annotations

import numpy as np

from avsync.faces.vision import cv2

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


def draw_box(picture: np.ndarray, box: np.ndarray, text: str, colour: Colour) -> None:
    """Draw a box and, above it on its own ground, what is said about it; what lies outside is not drawn.

    Args:
        picture: (H, W, 3) uint8 RGB, changed in place.
        box: (4,) x1, y1, x2, y2 in pixels.
        text: ASCII.
        colour: Red, green, blue.
    """
    left, top, right, bottom = (round(float(value)) for value in box)
    cv2.rectangle(picture, (left, top), (right, bottom), colour, _thick(picture))
    draw_text(picture, (left, top - _thick(picture)), text, colour)


def draw_text(picture: np.ndarray, corner: tuple[int, int], text: str, ground: Colour) -> None:
    """Draw white words whose lower left corner is ``corner``, x, y in pixels, on a ground of a colour."""
    size = max(0.35, picture.shape[0] / 900)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    x, y = max(0, corner[0]), max(height + below, corner[1])
    cv2.rectangle(picture, (x, y - height - below), (x + width, y), ground, -1)
    place = (x, y - below // 2 - 1)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, WHITE, 1, cv2.LINE_AA)


def _thick(picture: np.ndarray) -> int:
    return max(2, round(picture.shape[0] / 240))
