"""Eyes with lids and glasses over them: each state is painted once and kept."""

from __future__ import annotations

import cv2
import numpy as np

from avsync.synthetic.identity import Identity
from avsync.synthetic.portrait import EYES_Y, MIDDLE, WIDTH

ROWS = slice(int(EYES_Y) - 22, int(EYES_Y) + 24)
LID_STEPS, GAZE_STEPS = 6, 4
_FINE = 3


class Eyes:
    """The strip of a portrait with both eyes, for each state of lids and gaze."""

    def __init__(self, who: Identity, strip: np.ndarray, shade: np.ndarray) -> None:
        """Keep what lies under the eyes.

        Args:
            who: Whose eyes.
            strip: (h, w, 3) uint8, the portrait's rows `ROWS`.
            shade: (h, w) brightness that the light gives these rows.
        """
        self._who = who
        self._strip = strip.astype(np.float32)
        self._shade = shade
        self._glasses = _glasses(who)
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    def strip(self, closed: float, gaze: float) -> np.ndarray:
        """(h, w, 3) uint8 with lids ``closed`` 0..1 and looking to the side by ``gaze`` -1..1."""
        state = (round(closed * LID_STEPS), round(gaze * GAZE_STEPS))
        if state not in self._kept:
            self._kept[state] = self._paint(state[0] / LID_STEPS, state[1] / GAZE_STEPS)
        return self._kept[state]

    def _paint(self, closed: float, gaze: float) -> np.ndarray:
        picture = self._strip.copy()
        for side in (-1, 1):
            self._paint_eye(picture, MIDDLE + side * self._who.eye_distance, side, closed, gaze)
        frame, glare = self._glasses
        picture = picture * (1 - frame[..., None]) + 30 * frame[..., None]
        return (picture + glare[..., None]).clip(0, 255).astype(np.uint8)

    def _paint_eye(self, picture: np.ndarray, x0: float, side: int, closed: float, gaze: float) -> None:
        who = self._who
        left = int(x0) - 22
        columns = slice(left, left + 44)
        step = 1 / _FINE
        y = np.arange(ROWS.start, ROWS.stop, step, dtype=np.float32)[:, None] + step / 2
        x = np.arange(left, left + 44, step, dtype=np.float32)[None, :] + step / 2 - x0
        u = x / who.eye_width
        lens = (1 - u**2).clip(0, 1)
        tilt = -1.0 * u * side
        top = EYES_Y + tilt - who.eye_height * lens**0.75 + closed * 1.62 * who.eye_height * lens
        bottom = EYES_Y + tilt + 0.68 * who.eye_height * lens**0.9
        opened = np.minimum((y - top) / step + 0.5, (bottom - y) / step + 0.5).clip(0, 1)
        radius = 0.98 * who.eye_height
        far = np.sqrt((x - 3.2 * gaze) ** 2 + (y - EYES_Y + 0.8) ** 2)
        white = np.array([226, 220, 214], np.float32) * (0.80 + 0.2 * lens)[..., None] * np.ones_like(far)[..., None]
        iris = np.array(who.iris, np.float32) * (0.75 + 0.5 * (far / radius).clip(0, 1))[..., None]
        ball = white + (iris - white) * ((radius - far) / 0.7 + 0.5).clip(0, 1)[..., None]
        ball *= 1 - 0.88 * ((0.46 * radius - far) / 0.6 + 0.5).clip(0, 1)[..., None]
        glint = np.exp(-(((x - 3.2 * gaze + 1.6) / 0.9) ** 2) - ((y - EYES_Y + 2.6) / 0.9) ** 2)
        ball = ball + (250 - ball) * glint[..., None]
        ball *= 1 - 0.35 * np.exp(-(((y - top) / 1.6) ** 2))[..., None]
        fine = self._lids(x, y, u, lens, top, columns)
        fine += (ball - fine) * opened[..., None]
        lash = 0.8 * np.exp(-(((y - top) / 0.85) ** 2)) * (1 - np.abs(u) ** 6).clip(0, 1)
        lash += 0.28 * np.exp(-(((y - bottom) / 0.7) ** 2)) * (1 - u**4).clip(0, 1)
        fine += (np.array([26, 18, 16], np.float32) - fine) * lash.clip(0, 1)[..., None]
        small = cv2.resize(fine, (44, ROWS.stop - ROWS.start), interpolation=cv2.INTER_AREA)
        picture[:, columns] = small

    def _lids(
        self, x: np.ndarray, y: np.ndarray, u: np.ndarray, lens: np.ndarray, top: np.ndarray, columns: slice
    ) -> np.ndarray:
        """The skin around the eye with the fold of the upper lid and the pouch under the eye, fine."""
        size = (x.shape[1], y.shape[0])
        skin = cv2.resize(self._strip[:, columns], size, interpolation=cv2.INTER_LINEAR)
        fold_y = EYES_Y - 1.45 * self._who.eye_height * lens**0.6 - 1.2
        fold = 0.30 * np.exp(-(((y - fold_y) / 1.1) ** 2)) * (1 - u**4).clip(0, 1)
        socket = 0.14 * np.exp(-((x / 14) ** 2) - ((y - EYES_Y) / 9) ** 2)
        pouch = (
            (0.05 + 0.12 * self._who.age) * np.exp(-(((y - EYES_Y - 9 + 2 * u**2) / 1.6) ** 2)) * (1 - u**2).clip(0, 1)
        )
        lid = 0.06 * np.exp(-(((y - 0.5 * (top + fold_y)) / 1.2) ** 2)) * (1 - u**4).clip(0, 1)
        return skin * (1 - fold - socket - pouch + lid)[..., None]


def _glasses(who: Identity) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) cover of the frame 0..1, and the brightness that the lenses add."""
    height = ROWS.stop - ROWS.start
    if who.glasses == "none":
        empty = np.zeros((height, WIDTH), np.float32)
        return empty, empty
    y, x = np.mgrid[ROWS.start : ROWS.stop, 0:WIDTH].astype(np.float32)
    half = 1.0 if who.glasses == "thin" else 1.9
    u, v = (np.abs(x - MIDDLE) - who.eye_distance) / 20, (y - EYES_Y - 1.5) / 14.5
    power = 2.4 if who.texture_seed % 2 else 4.0
    ring = (np.abs(u) ** power + np.abs(v) ** power) ** (1 / power)
    rim = (half - np.abs(ring - 1) * 16 + 0.5).clip(0, 1)
    near = np.abs(x - MIDDLE)
    bridge = (half - np.abs(y - EYES_Y + 2) + 0.3).clip(0, 1) * (near < who.eye_distance - 19)
    temple = (half - np.abs(y - EYES_Y + 3) + 0.3).clip(0, 1) * (near > who.eye_distance + 20) * (near < who.face_width)
    glare = 10 * (ring < 1) * (1 + np.sin(0.25 * x + 0.3 * y)).clip(0, None)
    return (0.92 * np.maximum(np.maximum(rim, bridge), temple)).astype(np.float32), glare.astype(np.float32)
