"""What moves and makes no sound: balloons, people in long coats, plants in the wind, pinwheels, clouds of paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avsync.synthetic.events.brush import Brush, Colour, shade

NAMES = ("balloon", "stroller", "plant", "pinwheel", "leaf")


@dataclass(frozen=True)
class Passer:
    """A silent moving thing.

    Attributes:
        name: One of :data:`NAMES`.
        x: Pixel at the middle of its way.
        y: Likewise; of the foot of what stands.
        scale: Pixels of its height.
        speed: Pixels a second to the right.
        rate: Times a second that it sways.
        phase: Radians.
        colour: Any.
    """

    name: str
    x: float
    y: float
    scale: float
    speed: float
    rate: float
    phase: float
    colour: Colour

    def paint(self, brush: Brush, time: float) -> None:
        """How it looks at ``time`` s on a brush in pixels of the scene; it hides what is behind it."""
        sway = float(np.sin(2 * np.pi * self.rate * time + self.phase))
        x = self.x + self.speed * (time - 2.0)
        brush = brush.silent()
        {"balloon": _balloon, "stroller": _stroller, "plant": _plant, "pinwheel": _pinwheel, "leaf": _leaf}[self.name](
            self, brush, x, sway, time
        )


def draw_passer(width: int, height: int, floor: int, draw: np.random.Generator) -> Passer:
    """A passer, at random."""
    name = NAMES[draw.integers(len(NAMES))]
    stands = name in ("stroller", "plant")
    red, green, blue = (float(value) for value in draw.uniform(40, 235, 3))
    moves = {"balloon": 14.0, "stroller": 26.0, "leaf": 20.0}.get(name, 0.0)
    return Passer(
        name,
        x=float(draw.uniform(0, width)),
        y=float(draw.uniform(floor, height - 6) if stands else draw.uniform(0.1, 0.7) * height),
        scale=float(draw.uniform(30, 56) if stands else draw.uniform(16, 32)),
        speed=float(draw.uniform(0.4, 1) * moves * draw.choice([-1, 1])),
        rate=float(draw.uniform(0.3, 1.4)),
        phase=float(draw.uniform(0, 2 * np.pi)),
        colour=(red, green, blue),
    )


def _balloon(self: Passer, brush: Brush, x: float, sway: float, time: float) -> None:
    part = brush.at(x + 2 * sway, self.y - 6 * (time - 2), self.scale)
    part.line([(0, 0.4), (0.06 * sway, 0.75), (0, 1.1)], 0.03, (70, 70, 70))
    part.ellipse(0, 0, 0.36, 0.44, self.colour)
    part.ellipse(-0.12, -0.16, 0.08, 0.11, shade(self.colour, 1.5), edge=False)


def _stroller(self: Passer, brush: Brush, x: float, sway: float, time: float) -> None:
    part = brush.at(x, self.y - 1.2 * abs(sway), self.scale, mirrored=self.speed < 0)
    part.polygon([(-0.24, 0), (-0.1, -0.72), (0.1, -0.72), (0.2, 0)], self.colour)
    part.line([(0.0, -0.62), (0.06 + 0.08 * sway, -0.34)], 0.09, shade(self.colour, 0.75))
    part.disc(0.02, -0.84, 0.13, (226, 180, 146))
    part.ellipse(0.0, -0.92, 0.14, 0.07, (60, 44, 36))


def _plant(self: Passer, brush: Brush, x: float, sway: float, time: float) -> None:
    part = brush.at(self.x, self.y, self.scale)
    for k in range(-2, 3):
        tip = (0.16 * k + 0.12 * sway, -0.95 + 0.08 * abs(k))
        part.line([(0, -0.24), (0.07 * k, -0.6), tip], 0.05, (50, 120 + 12 * k, 56))
        part.ellipse(tip[0], tip[1], 0.06, 0.12, (60, 150 + 12 * k, 66), angle=0.4 * k + 0.3 * sway)
    part.polygon([(-0.18, -0.28), (0.18, -0.28), (0.13, 0), (-0.13, 0)], self.colour)


def _pinwheel(self: Passer, brush: Brush, x: float, sway: float, time: float) -> None:
    part = brush.at(self.x, self.y, self.scale)
    part.line([(0, 0), (0, 1.2)], 0.06, (120, 90, 60))
    wheel = part.at(0, 0, angle=self.phase + 3 * self.rate * time)
    for k in range(4):
        wing = wheel.at(0, 0, angle=np.pi / 2 * k)
        wing.polygon([(0, 0), (0.42, 0.0), (0.3, 0.26)], self.colour if k % 2 else shade(self.colour, 0.7))


def _leaf(self: Passer, brush: Brush, x: float, sway: float, time: float) -> None:
    part = brush.at(x + 8 * sway, self.y + 7 * (time - 2), 0.6 * self.scale, angle=1.2 * sway)
    part.ellipse(0, 0, 0.4, 0.18, self.colour)
    part.line([(-0.4, 0), (0.4, 0)], 0.05, shade(self.colour, 0.6))
