"""Where somebody is filmed, and with what camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avsync.synthetic.portrait import Light

SIZES = ((224, 224), (256, 256), (288, 240), (320, 240))
_NOISES = 6
_KINDS = ("plain", "gradient", "blobs", "shelves", "curtain", "grain")


@dataclass(frozen=True)
class Scene:
    """Everything about the picture that is not the person.

    Attributes:
        width: Pixels.
        height: Pixels.
        background: (H, W, 3) uint8 RGB.
        kind: Of background.
        light: On the face.
        cloth: Colour of the clothes.
        face_scale: Frame pixels a portrait pixel.
        blur: Standard deviation in pixels.
        noise: Standard deviation in grey levels.
        tint: Gain of red, green, blue.
        crf: Quality of the encoder.
    """

    width: int
    height: int
    background: np.ndarray
    kind: str
    light: Light
    cloth: tuple[float, float, float]
    face_scale: float
    blur: float
    noise: float
    tint: tuple[float, float, float]
    crf: int


def draw_scene(draw: np.random.Generator) -> Scene:
    """A scene, at random."""
    width, height = SIZES[draw.integers(len(SIZES))]
    kind = str(draw.choice(_KINDS))
    red, green, blue = (float(value) for value in _muted(draw))
    warm = draw.normal(0, 0.05)
    exposure = draw.uniform(0.78, 1.12)
    return Scene(
        width=width,
        height=height,
        background=_background(kind, width, height, draw),
        kind=kind,
        light=Light((draw.uniform(-0.7, 0.7), draw.uniform(-0.7, -0.1), 0.9), draw.uniform(0, 1)),
        cloth=(red, green, blue),
        face_scale=float(draw.uniform(0.54, 0.70) * height / 174),
        blur=float(draw.choice([0.0, draw.uniform(0.3, 0.8)], p=[0.65, 0.35])),
        noise=float(draw.uniform(0, 3.5)),
        tint=(float(exposure * (1 + warm)), float(exposure), float(exposure * (1 - warm))),
        crf=int(draw.integers(18, 25)),
    )


def _background(kind: str, width: int, height: int, draw: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    first, second = _muted(draw), _muted(draw)
    if kind == "plain":
        share = 0.15 * (y / height)
    elif kind == "gradient":
        angle = draw.uniform(0, 2 * np.pi)
        share = 0.5 + (np.cos(angle) * (x / width - 0.5) + np.sin(angle) * (y / height - 0.5)) * 0.9
    elif kind == "blobs":
        share = _smooth_noise(height, width, draw.uniform(8, 30), draw)
    elif kind == "shelves":
        share = _shelves(height, width, draw)
    elif kind == "curtain":
        share = 0.5 + 0.35 * np.sin(x * draw.uniform(0.08, 0.3) + 2 * _smooth_noise(height, width, 25, draw))
    else:
        share = 0.3 * _smooth_noise(height, width, 1.0, draw) + 0.4 * (y / height)
    picture = first + (second - first) * share.clip(0, 1)[..., None]
    return cv2.GaussianBlur(picture.clip(0, 255).astype(np.uint8), (0, 0), draw.uniform(0.5, 3.0))


def _muted(draw: np.random.Generator) -> np.ndarray:
    """A colour (3,), seldom as strong as only paint is."""
    colour = draw.uniform(10, 240, 3)
    grey = colour.mean()
    return grey + (colour - grey) * draw.uniform(0.05, 1.0) ** 1.5


def _smooth_noise(height: int, width: int, grain: float, draw: np.random.Generator) -> np.ndarray:
    noise = cv2.GaussianBlur(draw.standard_normal((height, width)).astype(np.float32), (0, 0), grain)
    return 0.5 + 0.35 * noise / max(1e-6, float(noise.std()))


def _shelves(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    share = np.full((height, width), 0.2, np.float32)
    for top in range(0, height, 44):
        left = 0
        while left < width:
            thick = int(draw.integers(5, 16))
            share[top + int(draw.integers(3, 14)) : top + 40, left : left + thick - 1] = draw.uniform(0, 1)
            left += thick
    return share


class Camera:
    """Turns drawn frames into filmed ones: exposure, colour, blur, noise."""

    def __init__(self, scene: Scene, draw: np.random.Generator) -> None:
        self._scene = scene
        self._draw = draw
        shape = (scene.height + 16, scene.width + 16)
        self._noises = [_camera_noise(shape, scene.noise, draw) for _ in range(_NOISES)]
        self._steps = np.arange(256)

    def film(self, picture: np.ndarray, brightness: float) -> np.ndarray:
        """A frame (H, W, 3) uint8 as the camera gives it, ``brightness`` about 1."""
        scene = self._scene
        if scene.blur:
            picture = cv2.GaussianBlur(picture, (0, 0), scene.blur)
        table = (self._steps[:, None] * np.array(scene.tint) * brightness).clip(0, 255).astype(np.uint8)
        picture = cv2.LUT(picture, table[None])
        top, left = self._draw.integers(0, 16, 2)
        noise = self._noises[self._draw.integers(_NOISES)]
        noise = noise[top : top + scene.height, left : left + scene.width]
        return cv2.add(picture, noise, dtype=cv2.CV_8U)


def _camera_noise(shape: tuple[int, int], level: float, draw: np.random.Generator) -> np.ndarray:
    """(H, W, 3) int16: noise of brightness and a little of colour, its grain about a pixel."""
    grey = draw.standard_normal((*shape, 1)) * 0.9 + draw.standard_normal((*shape, 3)) * 0.4
    return np.round(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 0.5) * 1.7 * level).astype(np.int16)
