"""Drawing on a frame, and on the mask of what sounds, in the coordinates of the thing that is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]]

MASK_STEP = 2
"""Pixels of the picture a pixel of the mask, each way."""
_SHIFT = 4  # cv2 takes sixteenths of a pixel; for the mask the same numbers are thirty-seconds of one


def shade(colour: Colour, factor: float) -> Colour:
    """A colour made darker (below 1) or brighter."""
    red, green, blue = (min(255.0, max(0.0, value * factor)) for value in colour)
    return red, green, blue


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """``one`` with a share 0..1 of ``other``."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


class Brush:
    """Paints shapes of one colour with a darker edge; x goes right, y down.

    Args:
        picture: (H, W, 3) uint8 RGB that is painted on.
        mask: (H / 2, W / 2) uint8 that gets ``sounding`` where a shape is painted; None while nothing sounds.
        sounding: 1 if what is painted sounds now, 0 if it hides what does.
        turn: Complex factor: scale and angle from the thing's coordinates to pixels.
        origin: Pixel of the thing's (0, 0), as x + iy.
        mirrored: The thing is seen from the other side.
    """

    def __init__(  # noqa: PLR0913 - the two canvases and the four numbers of a place
        self,
        picture: np.ndarray,
        mask: np.ndarray | None = None,
        sounding: bool = False,
        turn: complex = 1 + 0j,
        origin: complex = 0j,
        mirrored: bool = False,
    ) -> None:
        self.picture, self.mask, self.sounding = picture, mask, sounding
        self._turn, self._origin, self._mirrored = turn, origin, mirrored

    def at(self, x: float, y: float, scale: float = 1.0, angle: float = 0.0, mirrored: bool = False) -> Brush:
        """A brush whose (0, 0) lies at (x, y) of this one, turned clockwise by ``angle`` radians."""
        turn, shift = scale * np.exp(1j * angle), complex(x, y)
        if self._mirrored:
            turn, shift = turn.conjugate(), -shift.conjugate()
        origin = self._turn * shift + self._origin
        flipped = self._mirrored != mirrored
        return Brush(self.picture, self.mask, self.sounding, complex(self._turn * turn), origin, flipped)

    def silent(self) -> Brush:
        """The same brush for parts that do not sound."""
        return Brush(self.picture, self.mask, False, self._turn, self._origin, self._mirrored)

    def polygon(self, points: Points | np.ndarray, colour: Colour, edge: bool = True) -> None:
        """A filled polygon through (N, 2) points."""
        corners = self._pixels(points)
        cv2.fillPoly(self.picture, [corners], colour, cv2.LINE_AA, _SHIFT)
        if edge:
            cv2.polylines(self.picture, [corners], True, shade(colour, 0.6), 1, cv2.LINE_AA, _SHIFT)
        if self.mask is not None:
            cv2.fillPoly(self.mask, [corners], (int(self.sounding),), cv2.LINE_8, _SHIFT + 1)

    def line(self, points: Points | np.ndarray, width: float, colour: Colour) -> None:
        """An open line, ``width`` in the thing's units."""
        corners = self._pixels(points)
        thick = abs(self._turn) * width
        cv2.polylines(self.picture, [corners], False, colour, max(1, round(thick)), cv2.LINE_AA, _SHIFT)
        if self.mask is not None:
            thin = max(1, round(thick / MASK_STEP))
            cv2.polylines(self.mask, [corners], False, (int(self.sounding),), thin, cv2.LINE_8, _SHIFT + 1)

    def disc(self, x: float, y: float, radius: float, colour: Colour, edge: bool = True) -> None:
        """A filled circle."""
        self.ellipse(x, y, radius, radius, colour, edge=edge)

    def ellipse(  # noqa: PLR0913 - a place, two radii, an angle
        self, x: float, y: float, wide: float, high: float, colour: Colour, angle: float = 0.0, edge: bool = True
    ) -> None:
        """A filled ellipse, turned clockwise by ``angle`` radians."""
        turned = np.angle(self._turn) + (-angle if self._mirrored else angle)
        self._ellipse(x, y, (wide, high), float(np.degrees(turned)), colour, -1)
        if edge:
            self._ellipse(x, y, (wide, high), float(np.degrees(turned)), shade(colour, 0.6), 1)

    def ring(self, x: float, y: float, wide: float, high: float, colour: Colour) -> None:
        """The line of an ellipse, a pixel wide."""
        self._ellipse(x, y, (wide, high), float(np.degrees(np.angle(self._turn))), colour, 1)

    def _ellipse(  # noqa: PLR0913
        self, x: float, y: float, radii: tuple[float, float], degrees: float, colour: Colour, thick: int
    ) -> None:
        centre = self._pixel(x, y)
        axes = tuple(max(1, round(abs(self._turn) * radius * (1 << _SHIFT))) for radius in radii)
        cv2.ellipse(self.picture, centre, axes, degrees, 0, 360, colour, thick, cv2.LINE_AA, _SHIFT)
        if self.mask is not None:
            cv2.ellipse(self.mask, centre, axes, degrees, 0, 360, (int(self.sounding),), thick, cv2.LINE_8, _SHIFT + 1)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Light in the air: brightens the picture, hides nothing, is not in the mask."""
        centre = [value / (1 << _SHIFT) for value in self._pixel(x, y)]
        reach = max(2, round(abs(self._turn) * radius))
        height, width = self.picture.shape[:2]
        left, top = (max(0, int(value) - reach) for value in centre)
        right, bottom = min(width, int(centre[0]) + reach), min(height, int(centre[1]) + reach)
        if right <= left or bottom <= top:
            return
        rows, columns = np.ogrid[top:bottom, left:right]
        near = 1 - np.hypot(columns - centre[0], rows - centre[1]).astype(np.float32) / reach
        light = near.clip(0, 1)[..., None] ** 2 * np.float32(strength) * np.array(colour, np.float32)
        part = self.picture[top:bottom, left:right]
        part[:] = np.minimum(part + light, 255)

    def _pixels(self, points: Points | np.ndarray) -> np.ndarray:
        places = np.asarray(points, np.float64)
        flat = (-1 if self._mirrored else 1) * places[:, 0] + 1j * places[:, 1]
        flat = (self._turn * flat + self._origin) * (1 << _SHIFT)
        return np.rint(flat.view(np.float64).reshape(-1, 2)).astype(np.int32)

    def _pixel(self, x: float, y: float) -> tuple[int, int]:
        """The same for one point, which is most of what is drawn."""
        place = (self._turn * complex(-x if self._mirrored else x, y) + self._origin) * (1 << _SHIFT)
        return round(place.real), round(place.imag)
