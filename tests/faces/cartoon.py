"""Drawn heads: shaded ellipses with eyes, brows, nose and lips, good enough for mediapipe."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass
class Head:
    """Where a head is and how it looks; lengths in pixels, roll in degrees clockwise, lips open 0..1."""

    x: float
    y: float
    size: float = 100.0
    roll: float = 0.0
    lips: float = 0.3
    skin: tuple[int, int, int] = (205, 160, 130)


def draw(heads: list[Head], width: int = 320, height: int = 240, background: int = 0) -> np.ndarray:
    """A picture (height, width, 3) uint8 RGB; another background number is another place."""
    picture = _place(width, height, background)
    for head in heads:
        side = round(head.size * 3)
        face, mask = _face(head)
        turn = cv2.getRotationMatrix2D((150, 150), -head.roll, side / 300)
        turn[:, 2] += np.array([head.x, head.y]) - 150
        flags = {"flags": cv2.INTER_AREA if side < 300 else cv2.INTER_LINEAR}
        colour = cv2.warpAffine(face, turn, (width, height), **flags)
        alpha = cv2.warpAffine(mask, turn, (width, height), **flags)[..., None].astype(np.float32) / 255
        picture = (picture * (1 - alpha) + colour * alpha).astype(np.uint8)
    return picture


def _place(width: int, height: int, number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    coarse = rng.integers(30, 220, (5, 7, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def _face(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """A head of 100 pixels width in the middle of 300 x 300, and its mask."""
    face = np.zeros((300, 300, 3), np.uint8)
    mask = np.zeros((300, 300), np.uint8)
    cv2.ellipse(mask, (150, 152), (52, 70), 0, 0, 360, 255, -1, cv2.LINE_AA)
    rows, columns = np.mgrid[:300, :300].astype(np.float32)
    light = 1.1 - 0.4 * (((columns - 140) / 60) ** 2 + ((rows - 140) / 90) ** 2)
    face[:] = np.clip(np.array(head.skin) * light[..., None], 0, 255)
    dark = tuple(int(0.45 * value) for value in head.skin)
    cv2.ellipse(face, (150, 100), (56, 34), 0, 180, 360, (50, 35, 25), -1, cv2.LINE_AA)
    for x in (127, 173):
        cv2.ellipse(face, (x, 137), (12, 6), 0, 0, 360, (245, 245, 245), -1, cv2.LINE_AA)
        cv2.circle(face, (x, 137), 5, (60, 40, 30), -1, cv2.LINE_AA)
        cv2.ellipse(face, (x, 137), (13, 7), 0, 180, 360, dark, 2, cv2.LINE_AA)
        cv2.ellipse(face, (x, 126), (16, 6), 0, 190, 350, (60, 40, 30), 3, cv2.LINE_AA)
    cv2.line(face, (146, 140), (142, 164), dark, 1, cv2.LINE_AA)
    cv2.ellipse(face, (150, 167), (11, 6), 0, 10, 170, dark, 2, cv2.LINE_AA)
    opening = round(1 + 12 * head.lips)
    cv2.ellipse(face, (150, 190), (21, 5 + opening), 0, 0, 360, (170, 70, 75), -1, cv2.LINE_AA)
    cv2.ellipse(face, (150, 190), (16, opening), 0, 0, 360, (60, 15, 20), -1, cv2.LINE_AA)
    return cv2.GaussianBlur(face, (0, 0), 1.0), cv2.GaussianBlur(mask, (0, 0), 1.0)
