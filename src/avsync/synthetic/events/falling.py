"""Things that fall or swing shut by themselves: ball, drops, door."""

from __future__ import annotations

import numpy as np

from avsync.synthetic.events import sounds
from avsync.synthetic.events.acting import Part, lift, puff, shake, since
from avsync.synthetic.events.brush import Brush, shade
from avsync.synthetic.events.materials import knock


class Ball:
    """A ball that a hand throws on the ground; from higher it is louder."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.radius = 0.1 + 0.06 * part.size

    def sound(self) -> np.ndarray:
        """Thuds."""
        part = self.part
        made = []
        for hit in part.events:
            piece = knock(part.material, part.pitch(210), hit.strength, part.draw)
            thud = sounds.burst(0.03, 60, 350, part.draw)[: len(piece)]
            piece[: len(thud)] += 0.4 * hit.strength * thud
            made.append((hit.start, piece))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Ground, shadow, ball (flat at the contact), the hand above."""
        part, radius = self.part, self.radius
        height = 0.85 * lift(time, part.events, fall=0.16, rest=0.45) * (1 - 2 * radius)
        brush.ellipse(0, 0.48, 0.36, 0.05, (110, 104, 98), edge=False)
        brush.ellipse(0, 0.48, radius * (1.1 - 0.6 * height), 0.03, (52, 50, 50), edge=False)
        puff(brush, 0, 0.47, time, part.events, (226, 220, 206))
        age, strength = since(time, part.events)
        flat = 0.35 * strength * max(0.0, 1 - age / 0.06) if age < 0.06 else 0.0
        wide, high = radius * (1 + flat), radius * (1 - flat)
        centre = 0.48 - high - height
        hand = 0.48 - 2 * radius - self._hand(time) * 0.85 * (1 - 2 * radius)
        brush.line([(0.34, hand - 0.3), (0.04, hand - 0.05)], 0.09, part.accent)
        brush.ellipse(0, hand - 0.03, 0.1, 0.04, (222, 172, 136))
        brush.ellipse(0, centre, wide, high, part.colour)
        brush.ring(0, centre, 0.45 * wide, high, shade(part.colour, 0.6))
        brush.disc(-0.35 * wide, centre - 0.4 * high, 0.22 * radius, shade(part.colour, 1.5), edge=False)

    def _hand(self, time: float) -> float:
        """Height of the hand: with the ball, but it stays behind when the ball falls and waits for it."""
        for hit in self.part.events:
            if 0 < hit.start - time <= 0.16:
                return hit.strength
        age, strength = since(time, self.part.events)
        waits = 0.45 + (strength - 0.45) * float(np.exp(-age / 0.08)) if strength else 0.45
        return max(waits, lift(time, self.part.events, fall=0.16, rest=0.45))


class Drops:
    """A tap and a bowl of water; big drops are low and loud."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.fall = 0.16

    def sound(self) -> np.ndarray:
        """A bubble's rising tone after a short splash."""
        part, made = self.part, []
        for hit in part.events:
            count = round(16000 * 0.22)
            times = np.arange(count) / 16000
            start = part.pitch(950) * (1.25 - 0.4 * hit.strength)
            bubble = sounds.tone(start * (1 + 2.2 * times), (1.0, 0.15)) * np.exp(-times / 0.045).astype(np.float32)
            splash = sounds.burst(0.01, 1200, 5000, part.draw)
            bubble[: len(splash)] += 0.35 * hit.strength * splash
            made.append((hit.start, (0.2 + 0.6 * hit.strength) * bubble))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Tap, drop, bowl, rings on the water and what splashes."""
        part = self.part
        steel, water = (150, 158, 168), (84, 150, 206)
        spout = [(0.06, -0.46), (-0.06, -0.4), (-0.06, -0.28), (0.06, -0.28), (0.08, -0.36)]
        brush.polygon([(0.5, -0.46), *spout, (0.5, -0.36)], steel)
        brush.polygon([(0.2, -0.5), (0.34, -0.5), (0.31, -0.44), (0.23, -0.44)], part.accent)
        brush.polygon([(-0.44, 0.2), (0.44, 0.2), (0.3, 0.5), (-0.3, 0.5)], part.accent)
        brush.ellipse(0, 0.2, 0.44, 0.12, shade(part.accent, 0.7))
        brush.ellipse(0, 0.21, 0.4, 0.1, water)
        age, strength = since(time, part.events)
        if age < 0.08:
            brush.ellipse(0, 0.2, 0.1 + 0.16 * strength, 0.04 + 0.05 * strength, (236, 246, 252), edge=False)
        for k in range(3):
            grown = 0.9 * age - 0.09 * k + 0.06
            if 0.04 < grown < 0.15 + 0.25 * strength:
                brush.ring(0, 0.21, grown, 0.26 * grown, (214, 236, 250))
        if age < 0.2:
            for side in (-1, 0, 1):
                up = 0.9 * strength * (age / 0.1) * (2 - age / 0.1) * 0.28 * (1.3 - 0.4 * abs(side))
                brush.disc(0.7 * side * age, 0.19 - max(0.0, up) - 0.02, 0.035 * (0.4 + strength), (190, 222, 244))
        self._drop(brush, time)

    def _drop(self, brush: Brush, time: float) -> None:
        for hit in self.part.events:
            left = hit.start - time
            if 0 < left < 0.45:
                radius = (0.035 + 0.035 * hit.strength) * min(1.0, (0.45 - left) / 0.2 + 0.2)
                y = -0.25 if left > self.fall else 0.2 - 0.45 * (1 - (1 - left / self.fall) ** 2)
                brush.ellipse(0, y, radius, 1.3 * radius, (120, 180, 230))


class Door:
    """A door that slams; its material and size are heard, and how fast it shut."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def sound(self) -> np.ndarray:
        """A knock on the panel, a boom of the room behind it and the latch."""
        part, made = self.part, []
        for hit in part.events:
            boom = hit.strength * sounds.burst(0.09, 40, 160 + 300 * (1 - part.size), part.draw)
            panel = knock(part.material, part.pitch(120), hit.strength, part.draw)
            latch = sounds.burst(0.008, 1800, 5000, part.draw)
            piece = np.zeros(max(len(boom), len(panel)), np.float32)
            piece[: len(boom)] += 0.8 * boom
            piece[: len(panel)] += 0.7 * panel
            piece[480 : 480 + len(latch)] += 0.3 * hit.strength * latch[: len(piece) - 480]
            made.append((hit.start, piece))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Frame, the dark behind, the leaf that turns about its left edge."""
        part = self.part
        jolt = 0.012 * shake(time, part.events, rate=10)
        frame = brush.at(jolt, 0)
        frame.polygon([(-0.34, -0.5), (0.34, -0.5), (0.34, 0.5), (-0.34, 0.5)], part.accent)
        frame.polygon([(-0.28, -0.45), (0.28, -0.45), (0.28, 0.5), (-0.28, 0.5)], (24, 22, 28))
        angle = 1.25 * lift(time, part.events, fall=0.22, rest=0.35)
        wide, taller = 0.56 * np.cos(angle), 0.1 * np.sin(angle)
        right = -0.28 + wide
        leaf = shade(part.colour, 1 - 0.3 * np.sin(angle))
        corners = [(-0.28, -0.45), (right, -0.45 - taller), (right, 0.5 + taller), (-0.28, 0.5)]
        frame.polygon(corners, leaf)
        for low, high in ((-0.36, -0.02), (0.08, 0.4)):
            near, far = -0.28 + 0.2 * wide, -0.28 + 0.8 * wide
            frame.polygon([(near, low), (far, low), (far, high), (near, high)], shade(leaf, 0.8))
        frame.disc(-0.28 + 0.9 * wide, 0.03, 0.03, (226, 196, 96))
        puff(frame, 0.31, 0.5, time, part.events, (220, 214, 204))
