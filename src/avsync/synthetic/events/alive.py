"""People and animals: clapping hands, footsteps, bird, dog."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from avsync.clock import SAMPLE_RATE, samples
from avsync.synthetic.events import sounds
from avsync.synthetic.events.acting import Part, active, level, lift, puff
from avsync.synthetic.events.brush import Brush, Colour, blend, shade
from avsync.synthetic.events.materials import knock

_SKINS: tuple[Colour, Colour] = ((104, 66, 46), (240, 196, 164))


class Clap:
    """Two hands; cupped ones (big) are lower."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.skin = blend(*_SKINS, float(part.vary[0]))

    def sound(self) -> np.ndarray:
        """Short bursts of noise around a hollow's resonance."""
        part, made = self.part, []
        for hit in part.events:
            middle = part.pitch(1300)
            piece = sounds.burst(0.012, 0.6 * middle, 1.8 * middle * (0.6 + hit.strength), part.draw)
            tail = sounds.burst(0.035, 0.7 * middle, 1.4 * middle, part.draw)
            tail[: len(piece)] += 2 * piece
            made.append((hit.start, (0.12 + 0.7 * hit.strength**1.5) * tail))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """A person from the front: head, body, two arms whose hands meet before the chest."""
        part = self.part
        brush.polygon(
            [(-0.2, 0.5), (-0.24, -0.06), (-0.1, -0.16), (0.1, -0.16), (0.24, -0.06), (0.2, 0.5)], part.accent
        )
        brush.disc(0, -0.32, 0.15, self.skin)
        brush.ellipse(0, -0.4, 0.15, 0.1, shade(self.skin, 0.3))
        brush.disc(-0.05, -0.32, 0.018, (20, 20, 24), edge=False)
        brush.disc(0.05, -0.32, 0.018, (20, 20, 24), edge=False)
        apart = 0.42 * lift(time, part.events, fall=0.12, rest=0.35)
        sleeve = shade(part.accent, 0.75)
        for side in (-1, 1):
            hand = side * (0.045 + apart)
            brush.line([(side * 0.22, -0.02), (side * 0.34, 0.26), (hand, 0.16)], 0.1, sleeve)
            brush.ellipse(hand, 0.12, 0.05, 0.11, self.skin)
        if active(time, part.events) and apart < 0.12:
            for angle in (-2.2, -1.57, -0.9):
                ray = np.array([[np.cos(angle), np.sin(angle)]])
                brush.line(np.concatenate([0.15 * ray, 0.22 * ray]) + [0, 0.12], 0.02, (255, 250, 220))


class Footsteps:
    """Somebody who walks on the spot; the ground's material is heard."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.skin = blend(*_SKINS, float(part.vary[0]))
        self.starts = [hit.start for hit in part.events]

    def sound(self) -> np.ndarray:
        """Heel, then sole."""
        part, made = self.part, []
        for hit in part.events:
            heel = knock(part.material, part.pitch(170), hit.strength, part.draw)
            sole = hit.strength * sounds.burst(0.025, *part.material.band, part.draw)
            made += [(hit.start, 0.8 * heel), (hit.start + 0.05, 0.3 * sole)]
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Ground, far leg, body, head, near leg."""
        part = self.part
        brush.polygon([(-0.46, 0.45), (0.46, 0.45), (0.5, 0.5), (-0.5, 0.5)], part.colour)
        index = bisect_right(self.starts, time + 1e-6)
        share, strength = self._swing(time, index)
        hip = -0.02 + 0.02 * np.sin(np.pi * share)
        swung = (-0.17 + 0.34 * share, 0.44 - (0.1 + 0.16 * strength) * np.sin(np.pi * share))
        stood = (0.17 - 0.34 * share, 0.44)
        feet = (swung, stood) if index % 2 else (stood, swung)
        trousers = shade(part.accent, 0.55)
        self._leg(brush, hip, feet[0], shade(trousers, 0.7))
        brush.polygon([(-0.1, hip + 0.04), (-0.1, -0.28), (0.08, -0.3), (0.1, hip + 0.04)], part.accent)
        arm = 0.2 * (feet[0][0] / 0.17)
        brush.line([(-0.01, -0.24), (0.01 + 0.5 * arm, -0.1), (0.06 + arm, 0.0)], 0.06, shade(part.accent, 0.8))
        brush.disc(0, -0.39, 0.1, self.skin)
        brush.ellipse(-0.02, -0.44, 0.1, 0.065, shade(self.skin, 0.3))
        self._leg(brush, hip, feet[1], trousers)
        puff(brush, 0.19, 0.45, time, part.events, shade(part.colour, 1.25))

    def _leg(self, brush: Brush, hip: float, foot: tuple[float, float], colour: Colour) -> None:
        x, y = foot
        knee = (0.5 * x + 0.07, 0.5 * (hip + y) - 0.01)
        brush.line([(0, hip), knee, (x, y - 0.03)], 0.09, colour)
        brush.ellipse(x + 0.03, y - 0.02, 0.075, 0.032, (44, 34, 30))

    def _swing(self, time: float, index: int) -> tuple[float, float]:
        """How far the next step is on its way, 0..1, and its strength."""
        if index == len(self.part.events):
            return 0.0, 0.0
        coming = self.part.events[index]
        length = 0.42 if not index else min(0.42, coming.start - self.part.events[index - 1].start)
        return min(1.0, max(0.0, 1 - (coming.start - time) / length)), coming.strength


class Bird:
    """A bird on a branch; its beak is open while it chirps."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.trills = 8 + 22 * float(part.vary[1])

    def sound(self) -> np.ndarray:
        """Chirps whose pitch flutters; the flutter is the bird's own."""
        part, made = self.part, []
        for call in part.events:
            times = np.arange(samples(call.end - call.start)) / SAMPLE_RATE
            sweep = 1 + 0.2 * np.sin(2 * np.pi * self.trills * times) + 0.25 * (part.vary[2] - 0.5) * times / 0.2
            voice = sounds.tone(part.pitch(2700) * sweep.clip(0.5, 1.5), (1.0, 0.2))
            made.append((call.start, (0.15 + 0.45 * call.strength) * voice * sounds.envelope(len(times), 0.006, 0.03)))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Branch, tail, body, head with the beak; the throat swells."""
        part = self.part
        call = active(time, part.events)
        wide = call.strength * level(time, call) if call else 0.0
        flutter = float(np.sin(2 * np.pi * self.trills * (time - call.start))) if call else 0.0
        brush.line([(-0.5, 0.4), (0.0, 0.36), (0.5, 0.42)], 0.06, (92, 64, 42))
        tail = brush.at(-0.2, 0.17, angle=0.25 * wide * flutter)
        tail.polygon([(-0.06, -0.07), (-0.3, 0.03), (-0.26, 0.13), (0, 0.07)], shade(part.accent, 0.7))
        brush.ellipse(-0.04, 0.12, 0.28, 0.21, part.accent, angle=-0.35)
        brush.ellipse(-0.1, 0.12 - 0.04 * wide, 0.17, 0.1, shade(part.accent, 0.7), angle=-0.1 + 0.5 * wide * flutter)
        brush.line([(-0.04, 0.3), (-0.04, 0.38)], 0.03, (216, 140, 50))
        brush.line([(0.06, 0.3), (0.06, 0.38)], 0.03, (216, 140, 50))
        head = brush.at(0.16, -0.14 - 0.02 * wide * flutter, angle=-0.3 * wide)
        gape = 0.65 * wide * (0.75 + 0.25 * flutter)
        for side in (-1, 1):
            beak = head.at(0.12, 0.02, angle=side * gape)
            beak.polygon([(0, -0.05), (0.24, 0.0), (0, 0.05)], (236, 170, 40) if side < 0 else (206, 140, 30))
        if call:
            head.polygon([(0.1, -0.04), (0.2, 0.0), (0.1, 0.06)], (150, 40, 40), edge=False)
        head.disc(0, 0, 0.17 + 0.02 * wide, shade(part.accent, 1.1))
        head.disc(0.06, -0.05, 0.03, (16, 16, 16), edge=False)


class Dog:
    """A dog's head from the side that barks."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def sound(self) -> np.ndarray:
        """A rough voice that falls, through a throat as long as the dog is big."""
        part, made = self.part, []
        for bark in part.events:
            times = np.arange(samples(bark.end - bark.start)) / SAMPLE_RATE
            pitch = part.pitch(330) * (1.25 - 0.5 * times / max(times[-1], 0.01))
            throat = part.pitch(900)
            gains = [np.exp(-(((k * part.pitch(330) - throat) / throat) ** 2)) for k in range(1, 13)]
            rough = sounds.hiss(bark.end - bark.start, throat, 3 * throat, part.draw)[: len(times)]
            voice = 0.5 * sounds.tone(pitch, gains) + 0.4 * rough
            made.append((bark.start, (0.12 + 0.4 * bark.strength) * voice * sounds.envelope(len(times), 0.006, 0.08)))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Neck, ear, head, and the jaw that opens."""
        part = self.part
        bark = active(time, part.events)
        wide = bark.strength * level(time, bark) if bark else 0.0
        fur = blend((70, 46, 30), (214, 178, 130), float(part.vary[0]))
        brush.polygon([(-0.44, 0.5), (-0.36, -0.02), (0.0, 0.1), (0.06, 0.5)], fur)
        brush.polygon([(-0.4, 0.24), (0.02, 0.3), (0.02, 0.38), (-0.41, 0.32)], part.accent)
        head = brush.at(-0.14, -0.08, angle=-0.45 * wide)
        jaw = head.at(0.02, 0.1, angle=0.95 * wide)
        jaw.polygon([(-0.04, -0.04), (0.42, -0.02), (0.42, 0.06), (0.06, 0.12)], shade(fur, 0.85))
        if bark:
            jaw.polygon([(0.1, -0.04), (0.36, -0.03), (0.3, 0.01), (0.1, 0.01)], (214, 90, 96), edge=False)
        head.ellipse(-0.02, -0.02, 0.25, 0.22, fur)
        head.polygon([(0.1, -0.1), (0.46, -0.02), (0.48, 0.08), (0.12, 0.1)], fur)
        head.disc(0.47, 0.0, 0.05, (24, 20, 20))
        head.disc(0.1, -0.08, 0.03, (16, 16, 16), edge=False)
        head.ellipse(-0.16, 0.0, 0.08, 0.2, shade(fur, 0.6), angle=0.3 - 0.5 * wide)
