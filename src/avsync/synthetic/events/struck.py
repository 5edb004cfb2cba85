"""Things that are hit with something: hammer and nail, bell, drum, glass, string."""

from __future__ import annotations

import numpy as np

from avsync.synthetic.events import sounds
from avsync.synthetic.events.acting import Part, lift, puff, shake, since
from avsync.synthetic.events.brush import Brush, Colour, shade
from avsync.synthetic.events.materials import knock

_STEEL: Colour = (120, 126, 136)
_SKIN: Colour = (222, 172, 136)
_DUST: Colour = (232, 224, 206)


class Hammer:
    """A hammer on a nail in a block; the block's material is what is heard."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.reach = 0.6 + 0.12 * part.vary[0]

    def sound(self) -> np.ndarray:
        """Knocks."""
        part = self.part
        made = [(hit.start, knock(part.material, part.pitch(420), hit.strength, part.draw)) for hit in part.events]
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Block, nail, hammer; the hammer turns about the hand at the right."""
        part = self.part
        driven = sum(hit.strength for hit in part.events if hit.start <= time)
        nail = 0.24 - 0.13 * driven / max(1.0, sum(hit.strength for hit in part.events))
        jolt = 0.012 * shake(time, part.events, rate=11)
        brush.polygon([(-0.42, 0.18 + jolt), (0.36, 0.18 + jolt), (0.36, 0.5), (-0.42, 0.5)], part.colour)
        brush.line([(-0.36, 0.3), (0.3, 0.3)], 0.02, shade(part.colour, 0.8))
        brush.line([(-0.36, 0.41), (0.2, 0.41)], 0.02, shade(part.colour, 0.8))
        top = 0.18 - nail
        brush.polygon([(-0.17, top), (-0.13, top), (-0.14, 0.19), (-0.16, 0.19)], _STEEL)
        brush.line([(-0.2, top), (-0.1, top)], 0.03, shade(_STEEL, 0.7))
        puff(brush, -0.15, 0.18, time, part.events, _DUST)
        angle = 1.05 * lift(time, part.events)
        tool = brush.at(-0.15 + self.reach, top - 0.06, angle=angle)
        tool.line([(-self.reach, 0), (0.04, 0)], 0.06, part.accent)
        tool.disc(0, 0, 0.07, _SKIN)
        tool = tool.at(-self.reach, 0)
        tool.polygon([(-0.1, -0.12), (0.08, -0.12), (0.1, 0.06), (-0.1, 0.06)], shade(_STEEL, 0.7))


class Bell:
    """A hanging bell and a mallet; it swings after a hit."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def sound(self) -> np.ndarray:
        """Long partials with a slow beat."""
        part, made = self.part, []
        for hit in part.events:
            frequency = part.pitch(620)
            voice = sounds.ring(frequency, part.material.ratios, decay=0.4, strength=hit.strength, damping=0.4)
            beat = sounds.ring(1.006 * frequency, (1.0, 2.0), decay=0.4, strength=hit.strength, damping=0.4)
            made.append((hit.start, (0.15 + 0.5 * hit.strength**1.5) * (voice + beat)))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Bracket, bell, clapper, and the mallet that comes from the right."""
        part = self.part
        brush.line([(-0.3, -0.46), (0.2, -0.46)], 0.07, shade(part.accent, 0.8))
        swing = 0.3 * shake(time, part.events, rate=2.4, decay=0.3)
        bell = brush.at(-0.05, -0.44, angle=swing)
        bell.disc(0, 0.56, 0.07, shade(part.colour, 0.5))
        wide = 0.24 + 0.08 * part.vary[0]
        shape = [(-0.07, 0.03), (0.07, 0.03), (0.15, 0.16), (0.18, 0.36), (wide, 0.54), (-wide, 0.54), (-0.18, 0.36)]
        bell.polygon([*shape, (-0.15, 0.16)], part.colour)
        bell.polygon([(-0.08, 0.08), (-0.04, 0.08), (-0.1, 0.48), (-0.16, 0.48)], shade(part.colour, 1.35), edge=False)
        bell.line([(-0.2, 0.44), (0.2, 0.44)], 0.03, shade(part.colour, 0.75))
        height = lift(time, part.events)
        mallet = brush.at(0.5, 0.44, angle=0.9 * height)
        mallet.line([(0, 0), (-0.12, -0.36)], 0.045, part.accent)
        mallet.disc(-0.12 - 0.03, -0.36, 0.085, shade(part.accent, 0.7))


class Drum:
    """A drum with a stick; the skin's middle sinks and trembles."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.deep = 0.16 + 0.16 * part.vary[0]

    def sound(self) -> np.ndarray:
        """A low membrane whose pitch falls a little, and the stick's noise."""
        part, made = self.part, []
        for hit in part.events:
            skin = sounds.ring(part.pitch(150), (1.0, 1.59, 2.14, 2.65), decay=0.14, strength=hit.strength, damping=0.9)
            click = sounds.burst(0.03, 150, 900 + 3500 * hit.strength * (1 - part.size), part.draw)
            piece = 0.8 * skin
            piece[: len(click)] += 0.5 * click[: len(piece)]
            made.append((hit.start, (0.15 + 0.85 * hit.strength**1.5) * piece))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Body, skin with the rings of its trembling, stick."""
        part = self.part
        top = 0.42 - self.deep - 0.1
        brush.ellipse(0, 0.42, 0.4, 0.09, shade(part.accent, 0.8))
        brush.polygon([(-0.4, top), (0.4, top), (0.4, 0.42), (-0.4, 0.42)], part.accent)
        for k in range(-3, 4):
            brush.line([(0.13 * k, top + 0.08), (0.13 * k + 0.06, 0.44)], 0.02, shade(part.accent, 0.6))
        brush.ellipse(0, top, 0.4, 0.11, (238, 230, 214))
        age, strength = since(time, part.events)
        for k in (1, 2, 3):
            if age < 0.1 * k * strength + 0.12:
                grown = 0.09 * k + 0.5 * min(age, 0.4)
                brush.ring(0, top, min(0.38, grown), min(0.1, 0.27 * grown), (150, 132, 110))
        bounce = 0.03 * shake(time, part.events, rate=12)
        angle = 1.0 * lift(time, part.events, fall=0.1)
        stick = brush.at(0.5, top - 0.16, angle=angle)
        stick.line([(-0.46, 0.16 + bounce), (0.04, -0.02)], 0.05, (176, 122, 66))
        stick.disc(-0.46, 0.15 + bounce, 0.055, (212, 170, 110))
        stick.disc(0, 0, 0.07, _SKIN)


class Glass:
    """A wine glass and a spoon; the fuller, the lower."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.full = float(part.vary[0])

    def sound(self) -> np.ndarray:
        """Two or three thin partials that ring long."""
        part, made = self.part, []
        for hit in part.events:
            frequency = part.pitch(1700) * (1.2 - 0.4 * self.full)
            voice = sounds.ring(frequency, (1.0, 2.32, 4.25), decay=0.22, strength=hit.strength, damping=0.7)
            click = sounds.burst(0.004, 3000, 7000, part.draw)
            voice[: len(click)] += 0.4 * click
            made.append((hit.start, (0.12 + 0.6 * hit.strength**1.5) * voice))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Foot, stem, bowl with what is in it, spoon."""
        part = self.part
        tilt = 0.05 * shake(time, part.events, rate=7)
        glass = brush.at(-0.12, 0.48, angle=tilt)
        pale = (214, 232, 238)
        glass.ellipse(0, -0.02, 0.2, 0.045, pale)
        glass.line([(0, -0.02), (0, -0.36)], 0.04, pale)
        bowl = [(-0.24, -0.94), (0.24, -0.94), (0.25, -0.66), (0.16, -0.44), (0, -0.35), (-0.16, -0.44), (-0.25, -0.66)]
        glass.polygon(bowl, pale)
        surface = -0.5 - 0.34 * self.full
        wide = 0.18 + 0.06 * self.full
        slosh = 0.1 * shake(time, part.events, rate=5, decay=0.25)
        drink = [(-wide, surface + slosh), (wide, surface - slosh), (0.15, -0.45), (0, -0.37), (-0.15, -0.45)]
        glass.polygon(drink, part.accent, edge=False)
        glass.line([(-0.17, -0.86), (-0.17, -0.62)], 0.03, (250, 252, 252))
        spoon = brush.at(0.42, 0.2, angle=1.0 * lift(time, part.events, fall=0.1))
        spoon.line([(0.02, 0.1), (-0.26, -0.42)], 0.035, _STEEL)
        spoon.ellipse(-0.26, -0.44, 0.05, 0.085, shade(_STEEL, 1.3))
        spoon.disc(0.03, 0.12, 0.07, _SKIN)


class String:
    """A lute with one string; a hand pulls it and lets go."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.length = 0.6 + 0.25 * part.vary[0]

    def sound(self) -> np.ndarray:
        """Harmonics, the high ones sooner gone."""
        part, made = self.part, []
        for hit in part.events:
            frequency = part.pitch(260)
            ratios = tuple(k * (1 + 0.0004 * k * k) for k in range(1, 11))
            voice = sounds.ring(frequency, ratios, decay=0.28, strength=0.5 + 0.5 * hit.strength, damping=0.8)
            made.append((hit.start, (0.1 + 0.35 * hit.strength**1.3) * voice))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Body and neck from left to right, the string above, the hand over it."""
        part = self.part
        brush.polygon([(-0.1, 0.1), (0.5, 0.12), (0.5, 0.22), (-0.1, 0.24)], shade(part.accent, 0.6))
        brush.ellipse(-0.2, 0.17, 0.28, 0.26, part.colour)
        brush.ellipse(-0.16, 0.17, 0.09, 0.09, (40, 26, 20))
        for k in range(4):
            brush.line([(0.16 + 0.08 * k, 0.12), (0.16 + 0.08 * k, 0.22)], 0.015, (210, 200, 180))
        left, right, y = -0.44, -0.44 + self.length + 0.1, 0.14
        pulled, x = self._pulled(time), -0.12
        age, strength = since(time, part.events)
        swing = 0.1 * strength * float(np.exp(-age / 0.22))
        light = (250, 244, 220)
        if pulled > 0:
            brush.line([(left, y), (x, y - 0.2 * pulled), (right, y)], 0.02, light)
        elif swing > 0.006:
            along = np.linspace(0, np.pi, 9)
            xs = left + (right - left) * along / np.pi
            belly = swing * np.sin(along)
            outline = np.stack([np.append(xs, xs[::-1]), np.append(y - belly, (y + belly)[::-1])], 1)
            brush.polygon(outline, (236, 226, 196))
        else:
            brush.line([(left, y), (right, y)], 0.02, light)
        away = min(0.3, 1.5 * age) if age < 0.4 else 0.3
        hand = y - (0.2 * pulled if pulled > 0 else away) - 0.02
        brush.line([(x, hand), (x + 0.12, hand - 0.28)], 0.11, part.accent)
        brush.disc(x, hand - 0.03, 0.085, _SKIN)

    def _pulled(self, time: float) -> float:
        """0 .. strength: how far the string is pulled for the pluck that comes."""
        for hit in self.part.events:
            if time < hit.start:
                return hit.strength * min(1.0, max(0.0, 1 - (hit.start - 0.03 - time) / 0.2))
        return 0.0
