"""One face, drawn in any pose of mouth, lids and head."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avsync.synthetic.eyes import ROWS, Eyes
from avsync.synthetic.identity import Identity
from avsync.synthetic.mouth import jaw_maps, paint_mouth
from avsync.synthetic.portrait import HEIGHT, MIDDLE, WIDTH, Light, paint_portrait
from avsync.synthetic.visemes import JAW

PIVOT = (MIDDLE, 190.0)
"""The point of the portrait about which the head rolls and that a pose places in the frame."""

_NEAREST = np.float32(60)
"""How far the nose is before the axis about which the head turns, in pixels of the portrait."""


@dataclass(frozen=True)
class HeadPose:
    """Where the head is: pivot x, y in pixels of the frame, scale, roll, yaw and pitch in radians."""

    x: float
    y: float
    scale: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0


class Face:
    """Paints a person into frames of one size.

    Everything that does not change is painted once; a frame costs the mouth, a warp of the jaw and a warp into the
    frame.
    """

    def __init__(self, who: Identity, light: Light, cloth: tuple[float, float, float]) -> None:
        self._who = who
        portrait = paint_portrait(who, light, cloth)
        self._shade = portrait.shade
        alpha = np.round(portrait.alpha * 255)
        self._base = np.dstack([portrait.colour, alpha]).clip(0, 255).astype(np.uint8)
        self._depth = _NEAREST * portrait.depth
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        self._grid = x, y
        noise = np.random.default_rng(who.texture_seed).standard_normal((HEIGHT, WIDTH)).astype(np.float32)
        self._grain = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.6, sigmaY=2.0) * 3
        self._eyes = Eyes(who, self._base[ROWS, :, :3], portrait.shade[ROWS])
        self._jaw_share, self._jaw_rows, self._jaw_y = jaw_maps(who)
        self._columns = np.broadcast_to(np.arange(WIDTH, dtype=np.float32), self._jaw_share.shape).copy()

    def portrait(self, mouth: np.ndarray, lids: float = 0.0, gaze: float = 0.0) -> np.ndarray:
        """(H, W, 4) uint8 RGBA: the face from the front, mouth in pose ``mouth``, lids closed 0..1, gaze -1..1."""
        canvas = self._base.copy()
        canvas[ROWS, :, :3] = self._eyes.strip(lids, gaze)
        travel = float(mouth[JAW]) * self._who.jaw_travel
        if travel > 0.05:
            first = self._jaw_rows.start
            source = self._jaw_y - travel * self._jaw_share - first
            canvas[self._jaw_rows] = cv2.remap(
                self._base[self._jaw_rows], self._columns, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        paint_mouth(canvas, self._who, mouth, self._shade, self._grain)
        return canvas

    def draw(self, background: np.ndarray, portrait: np.ndarray, pose: HeadPose) -> np.ndarray:
        """A portrait laid over a background.

        Args:
            background: (H, W, 3) uint8 RGB.
            portrait: From `portrait`.
            pose: Of the head.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        height, width = background.shape[:2]
        turned = self._turned(portrait, pose) if abs(pose.yaw) + abs(pose.pitch) > 1e-3 else portrait
        cosine, sine = pose.scale * np.cos(pose.roll), pose.scale * np.sin(pose.roll)
        matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
        matrix[:, 2] = np.array([pose.x, pose.y]) - matrix[:, :2] @ np.array(PIVOT)
        laid = cv2.warpAffine(turned, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = laid[..., 3] * np.float32(1 / 255)
        return cv2.blendLinear(cv2.cvtColor(laid, cv2.COLOR_RGBA2RGB), background, cover, 1 - cover)

    def _turned(self, portrait: np.ndarray, pose: HeadPose) -> np.ndarray:
        """Nearer parts shift further: a small turn of the head."""
        x, y = self._grid
        from_x = x - np.float32(np.sin(pose.yaw)) * self._depth
        from_y = y - np.float32(np.sin(pose.pitch)) * self._depth
        return cv2.remap(portrait, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
