"""The face at rest, without lips and eyes: a small relief, lit, coloured and grown over with hair. Drawn once.

All places are pixels of one portrait of `WIDTH` x `HEIGHT`, face in the middle, about 120 pixels wide. The relief
(z towards the viewer) also says how far each pixel shifts when the head turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from avsync.synthetic.identity import Identity

WIDTH, HEIGHT = 320, 336
MIDDLE = WIDTH / 2
EYES_Y = 124.0
NOSE_Y = 158.0
CROWN_Y = 40.0
_Y, _X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
_DX = _X - MIDDLE


@dataclass(frozen=True)
class Light:
    """Where the light comes from (x right, y down, z to the viewer) and how soft it is (0..1)."""

    direction: tuple[float, float, float] = (-0.3, -0.5, 0.8)
    soft: float = 0.5


@dataclass(frozen=True)
class Portrait:
    """A painted head.

    Attributes:
        colour: (H, W, 3) float32, RGB 0..255.
        alpha: (H, W) float32, 1 where there is somebody.
        depth: (H, W) float32, 0..1, of the face.
        shade: (H, W) float32, brightness that light and relief give the skin, about 1.
    """

    colour: np.ndarray
    alpha: np.ndarray
    depth: np.ndarray
    shade: np.ndarray


def paint_portrait(who: Identity, light: Light, cloth: tuple[float, float, float]) -> Portrait:
    """Paint a person in a light, in clothes of a colour."""
    draw = np.random.default_rng(who.texture_seed)
    half = _half_width(who)
    relief = _relief(who, half)
    shade = _lambert(relief, light)
    skin = _skin(who, draw) * shade[..., None]
    inside = _soft(half - np.abs(_DX), 1.2) * _soft(_Y - CROWN_Y, 1.0) * _soft(who.chin - _Y, 1.2)
    colour, alpha = _body(who, light, cloth, draw)
    if who.hair_style == "long":
        colour, alpha = _over(colour, alpha, _hair_colour(who, draw), _long_hair(who, draw))
    colour, alpha = _over(colour, alpha, skin * 0.9, _ears(who))
    colour, alpha = _over(colour, alpha, skin, inside)
    colour = _mix(colour, _dark(who, colour), _nostrils(who))
    colour = _mix(colour, np.array(who.hair) * 0.55 * shade[..., None], _beard(who, half, draw) * inside)
    colour = _mix(colour, np.array(who.hair) * 0.6, _brows(who, draw))
    hair = _hair(who, half, draw)
    colour, alpha = _over(colour, alpha, _hair_colour(who, draw), hair)
    depth = cv2.GaussianBlur(relief, (0, 0), 2.0)
    return Portrait(colour.clip(0, 255).astype(np.float32), alpha, depth / max(1.0, float(depth.max())), shade)


def _soft(distance: np.ndarray, width: float) -> np.ndarray:
    """0 outside, 1 inside, a ramp of ``width`` pixels at the edge."""
    return (distance / width + 0.5).clip(0, 1).astype(np.float32)


def _spot(x: float, y: float, wide: float, tall: float) -> np.ndarray:
    """A Gaussian hill on both sides of the face (``x`` 0: one hill in the middle)."""
    return np.exp(-(((np.abs(_DX) - x) / wide) ** 2) - ((_Y - y) / tall) ** 2)


def _over(colour: np.ndarray, alpha: np.ndarray, top: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _mix(colour, top, mask), np.maximum(alpha, mask)


def _mix(colour: np.ndarray, top: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return colour + (top - colour) * mask[..., None]


def _noise(draw: np.random.Generator, wide: float, tall: float) -> np.ndarray:
    """Smooth noise with standard deviation 1, stretched to a grain of ``wide`` x ``tall`` pixels."""
    rough = draw.standard_normal((HEIGHT, WIDTH)).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), sigmaX=wide, sigmaY=tall)
    return smooth / max(1e-6, float(smooth.std()))


def _half_width(who: Identity) -> np.ndarray:
    """(H, W) half the width of the head at each height."""
    up = np.sqrt((1 - ((EYES_Y - _Y) / (EYES_Y - CROWN_Y)) ** 2).clip(0, 1))
    down = (1 - ((_Y - EYES_Y) / (who.chin - EYES_Y)).clip(0, 1) ** who.jaw_shape) ** 0.6
    return (who.face_width * np.where(_Y < EYES_Y, up, down)).astype(np.float32)


def _relief(who: Identity, half: np.ndarray) -> np.ndarray:
    """(H, W) height of the face towards the viewer, in pixels."""
    across = (1 - (_DX / np.maximum(half, 1)) ** 2).clip(0.0, 1)
    along = (1 - ((_Y - 128) / 105) ** 2).clip(0.0, 1)
    z = 62 * np.sqrt(across) * np.sqrt(along)
    bridge = ((_Y - 112) / (NOSE_Y - 112)).clip(0, 1) ** 1.4 * _soft(NOSE_Y + 3 - _Y, 5)
    ridge = np.exp(-((_DX / (5 + 0.35 * who.nose_width * bridge)) ** 2))
    z = z + who.nose_height * bridge * ridge + 5 * _spot(0.62 * who.nose_width, NOSE_Y - 2, 4, 4.5)
    z -= 6.5 * _spot(who.eye_distance, EYES_Y, 13, 8) - 3.0 * _spot(who.eye_distance, 109, 16, 5)
    z += 4 * _spot(36, 145, 14, 12) + 4.5 * _spot(0, who.mouth_y + 1, 24, 15)
    z += 4 * _spot(0, who.chin - 9, 13, 7) - 2.2 * _spot(0, who.mouth_y + 15, 14, 3.5)
    z -= 1.6 * _spot(0, 0.5 * (NOSE_Y + who.mouth_y) + 1, 2.6, 6)
    fold = np.abs(_DX) - (14 + 0.75 * (_Y - NOSE_Y))
    z -= (0.8 + 2.4 * who.age) * np.exp(-((fold / 2.6) ** 2)) * _soft(_Y - 154, 8) * _soft(who.mouth_y + 8 - _Y, 10)
    lines = np.sin((_Y - 0.02 * np.abs(_DX)) * 0.75) * _spot(0, 88, 34, 14)
    z += 0.6 * max(0.0, who.age - 0.4) * lines
    return cv2.GaussianBlur(z.astype(np.float32), (0, 0), 1.3)


def _lambert(relief: np.ndarray, light: Light) -> np.ndarray:
    slope_y, slope_x = np.gradient(relief)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    x, y, z = np.array(light.direction) / np.linalg.norm(light.direction)
    diffuse = ((-slope_x * x - slope_y * y + z) / length).clip(0, 1)
    shine = diffuse**14 * 0.12
    ambient = 0.35 + 0.35 * light.soft
    shade = ambient + (1.15 - ambient) * diffuse + shine
    return cv2.GaussianBlur(shade.astype(np.float32), (0, 0), 0.8 + light.soft)


def _skin(who: Identity, draw: np.random.Generator) -> np.ndarray:
    base = np.broadcast_to(np.array(who.skin, np.float32), (HEIGHT, WIDTH, 3))
    blush = (0.5 + who.redness) * (_spot(34, 150, 14, 11) + 0.8 * _spot(0, NOSE_Y - 3, 9, 9))
    red = np.array([0.02, -0.10, -0.08], np.float32)
    mottle = 0.018 * _noise(draw, 5, 5) + (0.012 + 0.02 * who.age) * _noise(draw, 0.9, 0.9)
    spots = (_noise(draw, 1.1, 1.1) > 2.6 - 0.5 * who.redness).astype(np.float32) * 0.12 * (who.redness > 0.6)
    return base * (1 + blush[..., None] * red + (mottle - spots)[..., None])


def _dark(who: Identity, colour: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.array(who.skin) * np.array([0.28, 0.2, 0.2]), colour.shape)


def _nostrils(who: Identity) -> np.ndarray:
    holes = np.exp(-((((np.abs(_DX) - 0.45 * who.nose_width) / 2.8) ** 2 + ((_Y - NOSE_Y - 1.5) / 1.6) ** 2) ** 2))
    return (0.75 * holes + 0.25 * _spot(0, NOSE_Y + 3, 8, 2)).astype(np.float32).clip(0, 1)


def _brows(who: Identity, draw: np.random.Generator) -> np.ndarray:
    along = (np.abs(_DX) - who.eye_distance) / 15
    centre = EYES_Y - 14.5 + 3.2 * (along - 0.15) ** 2 - who.brow_tilt * along
    thick = who.brow_thickness * (1 - 0.35 * (along + 0.3)).clip(0.25, 1.2)
    body = np.exp(-((np.abs(_Y - centre) / (0.75 * thick)) ** 3)) * _soft(1.0 - np.abs(along), 0.3)
    return (body * (0.72 + 0.12 * _noise(draw, 1.6, 0.7))).clip(0, 0.95).astype(np.float32)


def _beard(who: Identity, half: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    mouth = who.mouth_y
    lip = _spot(0, mouth - 9, 20, 5.5)
    jaw = _soft(_Y - (mouth + 14 - 0.012 * _DX**2 * 0.9), 9) * _soft(half - np.abs(_DX) + 4, 6)
    sides = _soft(np.abs(_DX) - 0.68 * who.face_width, 8) * _soft(_Y - 140, 20)
    goat = _spot(0, who.chin - 10, 15, 13) + 0.8 * _spot(21, mouth + 5, 5, 12)
    masks = {
        "none": 0 * lip,
        "stubble": 0.42 * np.maximum(np.maximum(lip, jaw), sides),
        "full": np.maximum(np.maximum(lip * 1.2, jaw), sides),
        "moustache": 1.3 * lip,
        "goatee": np.maximum(1.1 * lip, goat),
    }
    hairs = (0.85 + 0.22 * _noise(draw, 0.8, 1.3)).clip(0.2, 1.2)
    return (masks[who.beard].clip(0, 1) * hairs * who.beard_density).clip(0, 0.95).astype(np.float32)


def _hair(who: Identity, half: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """(H, W) mask of the hair in front of and above the head."""
    if who.hair_style == "bald":
        return np.zeros((HEIGHT, WIDTH), np.float32)
    extra = {"short": 7.0, "long": 8.0, "fringe": 8.0, "cropped": 2.5}[who.hair_style]
    rise = ((EYES_Y - _Y) / (EYES_Y - CROWN_Y + extra)).clip(-1, 1)
    outer = (who.face_width + extra) * np.sqrt((1 - rise**2).clip(0, 1))
    ragged = 1.6 * _noise(draw, 1.2, 4)
    line = who.hairline + 22 * (np.abs(_DX) / who.face_width).clip(0, 1.2) ** 4 + ragged
    if who.hair_style == "fringe":
        line = line + 20 * _soft(0.75 * who.face_width - np.abs(_DX), 20)
        line = np.minimum(line, EYES_Y - 19 + ragged)
    side = np.abs(_DX) - (half - 5 + 0.6 * ragged)
    bottom = 128.0 if who.hair_style != "long" else 150.0
    front = np.maximum(_soft(line - _Y, 2.5), _soft(side, 2.5) * _soft(bottom - _Y, 8))
    return (front * _soft(outer - np.abs(_DX) + ragged, 2) * _soft(_Y - (CROWN_Y - extra), 1)).astype(np.float32)


def _long_hair(who: Identity, draw: np.random.Generator) -> np.ndarray:
    """(H, W) mask of hair that falls beside the neck onto the shoulders, or only to the chin."""
    ragged = 1.3 * _noise(draw, 1.5, 12)
    curl = 3 * np.sin(_Y / draw.uniform(5, 14) + np.sign(_DX)) * draw.uniform(0, 1)
    outer = who.face_width + 9 + draw.uniform(0, 12) * ((_Y - 120) / 90).clip(0, 1) ** 0.7 + ragged + curl
    inner = who.face_width * draw.uniform(0.45, 0.7)
    end = draw.uniform(205, 285) + 8 * ragged + 0.004 * _DX**2
    parts = (outer - np.abs(_DX), np.abs(_DX) - inner - ragged, end - _Y)
    mask = _soft(_Y - 90, 10)
    for part in parts:
        mask = mask * _soft(part, 3)
    return mask.astype(np.float32)


def _hair_colour(who: Identity, draw: np.random.Generator) -> np.ndarray:
    strands = 1 + 0.16 * _noise(draw, 0.9, 9) + 0.1 * _noise(draw, 4, 12)
    glow = 1 + 0.35 * np.exp(-(((_Y - 62) / 14) ** 2)) * np.exp(-((_DX / 60) ** 2))
    return np.array(who.hair, np.float32) * (strands * glow)[..., None]


def _ears(who: Identity) -> np.ndarray:
    gone = 0.0 if who.hair_style == "long" else 1.0
    return gone * _soft(1 - ((np.abs(_DX) - who.face_width) / 7) ** 2 - ((_Y - 133) / 17) ** 2, 0.3)


def _body(
    who: Identity, light: Light, cloth: tuple[float, float, float], draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Neck and shoulders: colour (H, W, 3) and mask."""
    neck_half = 0.66 * who.face_width + 18 * ((_Y - 226) / 28).clip(0, 1) ** 2
    neck = _soft(neck_half - np.abs(_DX), 1.5) * _soft(_Y - 175, 4)
    turn = (_DX / np.maximum(neck_half, 1)).clip(-1, 1)
    lit = 0.82 - 0.22 * turn**2 + 0.2 * turn * light.direction[0]
    under = 1 - 0.42 * np.exp(-(((_Y - who.chin) / 18).clip(0, None) ** 2)) * _soft(_Y - 150, 5)
    skin = np.array(who.skin, np.float32) * (lit * under)[..., None]
    fall = 237 + 0.0021 * _DX**2 + 14 * np.exp(-((_DX / 30) ** 2))
    torso = _soft(_Y - fall, 2.0)
    folds = 1 + 0.06 * _noise(draw, 14, 5) + 0.03 * _noise(draw, 0.9, 0.9) - 0.15 * (np.abs(_DX) / 160) ** 2
    collar = 1 - 0.25 * np.exp(-(((_Y - fall) / 4) ** 2))
    clothes = np.array(cloth, np.float32) * (folds * collar)[..., None]
    return _mix(skin, clothes, torso), np.maximum(neck, torso)
