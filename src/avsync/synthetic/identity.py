"""Who is drawn: everything about a face that stays the same through a video."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

_SKIN_LIGHT = np.array([244, 208, 182.0])
_SKIN_MIDDLE = np.array([200, 146, 112.0])
_SKIN_DARK = np.array([92, 58, 44.0])
_HAIR = ((28, 22, 20), (62, 42, 30), (112, 78, 48), (176, 136, 86), (150, 148, 146), (120, 56, 30), (222, 214, 204))
_IRIS = ((70, 46, 30), (96, 74, 44), (78, 104, 122), (84, 108, 78), (52, 36, 28))


@dataclass(frozen=True)
class Identity:
    """A drawn person. Lengths are in pixels of the portrait (see `avsync.synthetic.portrait`), colours RGB 0..255."""

    name: str
    skin: tuple[float, float, float]
    lips: tuple[float, float, float]
    hair: tuple[float, float, float]
    iris: tuple[float, float, float]
    face_width: float
    jaw_shape: float
    chin: float
    eye_distance: float
    eye_width: float
    eye_height: float
    brow_thickness: float
    brow_tilt: float
    nose_width: float
    nose_height: float
    mouth_y: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    bow: float
    corners: float
    teeth_drop: float
    teeth_brightness: float
    hair_style: str
    hairline: float
    beard: str
    beard_density: float
    glasses: str
    age: float
    redness: float
    max_open: float
    jaw_travel: float
    texture_seed: int

    def as_dict(self) -> dict[str, Any]:
        """For a JSON file: tuples as lists."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def draw_identity(name: str, draw: np.random.Generator) -> Identity:
    """A person, at random."""
    uniform = draw.uniform
    skin = _skin(draw)
    hair = _hair(skin, draw)
    return Identity(
        name=name,
        skin=_colour(skin),
        lips=_colour(_lips(skin, draw)),
        hair=_colour(hair),
        iris=_colour(np.array(_IRIS[draw.integers(len(_IRIS))])),
        face_width=float(uniform(56, 66)),
        jaw_shape=float(uniform(2.0, 3.2)),
        chin=float(uniform(212, 222)),
        eye_distance=float(uniform(26.5, 30)),
        eye_width=float(uniform(11.5, 14.0)),
        eye_height=float(uniform(4.6, 7.0)),
        brow_thickness=float(uniform(2.2, 5.0)),
        brow_tilt=float(uniform(-2.0, 3.0)),
        nose_width=float(uniform(11.5, 16.5)),
        nose_height=float(uniform(10, 18)),
        mouth_y=float(uniform(175.5, 183)),
        mouth_width=float(uniform(21.5, 28)),
        upper_lip=float(uniform(3.8, 8.2)),
        lower_lip=float(uniform(5.2, 11.0)),
        bow=float(uniform(0.05, 0.45)),
        corners=float(uniform(-2.4, 1.4)),
        teeth_drop=float(uniform(0.5, 4.0)),
        teeth_brightness=float(uniform(0.62, 1.0)),
        hair_style=str(draw.choice(["short", "long", "bald", "fringe", "cropped"], p=[0.3, 0.3, 0.1, 0.15, 0.15])),
        hairline=float(uniform(62, 80)),
        beard=str(draw.choice(["none", "stubble", "full", "moustache", "goatee"], p=[0.62, 0.16, 0.08, 0.07, 0.07])),
        beard_density=float(uniform(0.5, 0.95)),
        glasses=str(draw.choice(["none", "thin", "thick"], p=[0.72, 0.16, 0.12])),
        age=float(uniform(0, 1)),
        redness=float(uniform(0, 1)),
        max_open=float(uniform(17, 24)),
        jaw_travel=float(uniform(10, 17)),
        texture_seed=int(draw.integers(2**31)),
    )


def _skin(draw: np.random.Generator) -> np.ndarray:
    tone = draw.uniform(0, 1)
    if tone < 0.5:
        base = _SKIN_LIGHT + (_SKIN_MIDDLE - _SKIN_LIGHT) * tone * 2
    else:
        base = _SKIN_MIDDLE + (_SKIN_DARK - _SKIN_MIDDLE) * (tone * 2 - 1)
    return (base + draw.normal(0, 6) + draw.normal(0, 2.5, 3)).clip(20, 250)


def _hair(skin: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Dark skin mostly comes with dark hair; everybody may grow grey or dye."""
    odds = np.array([0.22, 0.22, 0.17, 0.15, 0.1, 0.07, 0.07])
    if skin.mean() < 130:
        odds = np.array([0.7, 0.14, 0.02, 0.02, 0.1, 0.02, 0.0])
    base = np.array(_HAIR[draw.choice(len(_HAIR), p=odds)], float)
    return (base * draw.uniform(0.8, 1.15)).clip(8, 245)


def _lips(skin: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """From hardly different from the skin to lipstick."""
    if draw.random() < 0.15:
        stick = np.array([(170, 30, 50), (150, 50, 80), (200, 80, 90), (110, 30, 50)][draw.integers(4)], float)
        return 0.35 * skin + 0.65 * stick
    tint = np.array([draw.uniform(0.78, 1.0), draw.uniform(0.55, 0.8), draw.uniform(0.58, 0.85)])
    # lips are darker than light skin and pinker, not darker, than dark skin
    pinker = 0.4 * ((130 - skin.mean()) / 70).clip(0, 1)
    return (skin * (tint + pinker)).clip(0, 250)


def _colour(values: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (round(float(value), 1) for value in values)
    return red, green, blue
