"""Machines: siren, engine, clock, saw."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from avsync.clock import SAMPLE_RATE, samples
from avsync.synthetic.events import sounds
from avsync.synthetic.events.acting import Part, active, level, shake, since
from avsync.synthetic.events.brush import Brush, Colour, shade
from avsync.synthetic.events.materials import knock

_LAMPS: tuple[Colour, ...] = ((40, 80, 255), (255, 40, 30), (255, 150, 20))


class Siren:
    """A siren whose light turns: the light comes round as often as the tone rises. The lamp's colour tells how."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.lamp = int(3 * part.vary[0]) % 3
        self.rate = 1.2 + 2.0 * float(part.vary[1])

    def phase(self, times: np.ndarray, start: float) -> np.ndarray:
        """-1..1: of tone and light."""
        turn = np.cos(2 * np.pi * self.rate * (times - start))
        return np.sign(turn) if self.lamp == 0 else turn

    def sound(self) -> np.ndarray:
        """Blue: two tones; red: a wail; amber: a pulsed tone."""
        part, made = self.part, []
        for stretch in part.events:
            times = np.arange(samples(stretch.end - stretch.start)) / SAMPLE_RATE
            phase = self.phase(times, 0.0)
            bend = 2 ** (0.35 * phase) if self.lamp < 2 else np.ones(len(times))
            voice = sounds.tone(part.pitch(760) * bend, (1.0, 0.5, 0.35, 0.2, 0.1))
            if self.lamp == 2:
                voice *= (0.55 + 0.45 * phase).astype(np.float32)
            made.append((stretch.start, 0.5 * stretch.strength * voice * sounds.envelope(len(times), 0.01, 0.03)))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Foot, dome, and the beam while it is on."""
        part, colour = self.part, _LAMPS[self.lamp]
        stretch = active(time, part.events)
        bright = 0.0
        brush.polygon([(-0.36, 0.5), (-0.3, 0.3), (0.3, 0.3), (0.36, 0.5)], part.accent)
        brush.polygon([(-0.2, 0.5), (-0.16, 0.38), (0.16, 0.38), (0.2, 0.5)], shade(part.accent, 0.5))
        if stretch is not None:
            bright = float(0.65 + 0.35 * self.phase(np.array(time), stretch.start))
        dome = [(-0.24, 0.3), (-0.24, -0.02), (-0.14, -0.16), (0.14, -0.16), (0.24, -0.02), (0.24, 0.3)]
        brush.polygon(dome, shade(colour, 0.35 + 0.5 * bright))
        brush.line([(-0.15, -0.04), (-0.15, 0.22)], 0.04, shade(colour, 0.9))
        if stretch is not None:
            inner = (255.0, 255.0, 235.0) if bright > 0.5 else shade(colour, 1.0)
            brush.ellipse(0.0, 0.1, 0.1 + 0.06 * bright, 0.1 + 0.06 * bright, inner, edge=False)
            brush.glow(0, 0.08, 0.4 + 0.35 * bright, colour, 0.35 + 0.6 * bright)


class Engine:
    """A car seen from the side whose engine runs: it shakes, and smokes as often as it fires."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def fires(self, strength: float) -> float:
        """Hz: how often it fires; more when it is pushed."""
        return self.part.pitch(48) * (0.6 + 0.8 * strength)

    def sound(self) -> np.ndarray:
        """Harmonics of the firing, and noise that pulses with it."""
        part, made = self.part, []
        for stretch in part.events:
            count = samples(stretch.end - stretch.start)
            times = np.arange(count) / SAMPLE_RATE
            rise = 0.65 + 0.35 * np.minimum(1, times / 0.25)
            frequency = self.fires(stretch.strength) * rise
            gains = [1 / (1 + 0.12 * k) * (1.0 + 0.6 * (k % 4 == 0)) for k in range(1, 25)]
            beat = 0.5 + 0.5 * np.sin(2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE)
            noise = sounds.hiss(stretch.end - stretch.start, 120, 900 + 900 * stretch.strength, part.draw)[:count]
            voice = 0.12 * sounds.tone(frequency, gains) + 0.3 * noise * beat**2
            made.append((stretch.start, (0.3 + 0.4 * stretch.strength) * voice * sounds.envelope(count, 0.015, 0.06)))
        return (part.loudness() * sounds.track(part.seconds, made)).astype(np.float32)

    def paint(self, brush: Brush, time: float) -> None:
        """Smoke, body, window, wheels."""
        part = self.part
        running = active(time, part.events)
        power = level(time, running)
        jolt = 0.0
        if running is not None:
            turns = self.fires(running.strength) / 5
            jolt = 0.03 * power * (0.5 + running.strength) * float(np.sin(2 * np.pi * turns * time))
            for k in range(4):
                age = (time * (2 + 2 * running.strength) + 0.25 * k) % 1.0
                grown = (0.05 + 0.09 * age) * (0.6 + 0.6 * running.strength) * power
                grey = (150 + 60 * age, 150 + 60 * age, 154 + 60 * age)
                brush.disc(-0.46 - 0.16 * age, 0.3 - 0.3 * age, grown, grey, edge=False)
        brush.line([(-0.48, 0.36), (-0.36, 0.36)], 0.045, (70, 70, 76))
        body = brush.at(0, jolt)
        roof = [(-0.42, 0.12), (-0.26, 0.08), (-0.16, -0.14), (0.14, -0.14), (0.26, 0.1)]
        body.polygon([(-0.42, 0.4), *roof, (0.46, 0.16), (0.48, 0.4)], part.accent)
        body.polygon([(-0.2, 0.08), (-0.12, -0.08), (0.11, -0.08), (0.2, 0.08)], (176, 206, 222))
        body.line([(0.0, -0.08), (0.0, 0.36)], 0.02, shade(part.accent, 0.6))
        body.disc(0.45, 0.22, 0.04, (255, 244, 170) if running else (180, 176, 150))
        for x in (-0.25, 0.27):
            brush.disc(x, 0.39, 0.11, (34, 34, 38))
            brush.disc(x, 0.39, 0.05, (150, 152, 156))


class Clock:
    """A clock whose hand jumps at every tick; its pendulum is furthest out then."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.starts = [tick.start for tick in part.events]
        self.first = 2 * np.pi * float(part.vary[0])

    def sound(self) -> np.ndarray:
        """Ticks and tocks."""
        part, made = self.part, []
        for k, tick in enumerate(part.events):
            piece = knock(
                part.material, part.pitch(1500) * (1.0 if k % 2 else 0.8), 0.4 + 0.6 * tick.strength, part.draw
            )
            piece[: len(piece) // 2] *= 0.9
            made.append((tick.start, 0.6 * (0.3 + 0.7 * tick.strength) * piece))
        return part.loudness() * sounds.track(part.seconds, made)

    def paint(self, brush: Brush, time: float) -> None:
        """Case, pendulum, face, marks, hand."""
        part = self.part
        count = bisect_right(self.starts, time + 1e-6)
        age, strength = since(time, part.events)
        brush.polygon([(-0.34, -0.5), (0.34, -0.5), (0.34, 0.5), (-0.34, 0.5)], part.colour)
        brush.polygon([(-0.26, 0.12), (0.26, 0.12), (0.26, 0.46), (-0.26, 0.46)], shade(part.colour, 0.45))
        angle = self._pendulum(time, count)
        rod = brush.at(0, 0.02, angle=angle)
        rod.line([(0, 0), (0, 0.34)], 0.03, (214, 190, 120))
        rod.disc(0, 0.34, 0.075, (244, 206, 96))
        brush.disc(0, -0.17, 0.29, (244, 240, 228))
        for k in range(12):
            ray = np.exp(2j * np.pi * k / 12)
            brush.disc(0.24 * ray.real, -0.17 + 0.24 * ray.imag, 0.016, (40, 36, 34), edge=False)
        turned = self.first + np.pi / 6 * count + 0.12 * shake(time, part.events, rate=9, decay=0.08)
        hand = brush.at(0, -0.17, angle=turned)
        hand.polygon([(-0.025, 0.05), (0.025, 0.05), (0.008, -0.23), (-0.008, -0.23)], part.accent)
        brush.disc(0, -0.17, 0.03, (40, 36, 34))

    def _pendulum(self, time: float, count: int) -> float:
        """Radians; it reaches one side at a tick, the other side at the next, and hangs nearly straight between."""
        ticks = self.part.events
        angle = 0.0
        if count:
            tick = ticks[count - 1]
            angle = (1 if count % 2 else -1) * np.exp(-(time - tick.start) / 0.1) * (0.5 + 0.5 * tick.strength)
        if count < len(ticks):
            coming = ticks[count]
            share = max(0.0, 1 - (coming.start - time) / 0.2)
            angle += (-1 if count % 2 else 1) * share**2 * (0.5 + 0.5 * coming.strength)
        return 0.6 * float(angle)


class Saw:
    """A saw in a log; the noise is as loud as the saw is fast."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def rate(self, strength: float) -> float:
        """Strokes a second, there and back."""
        return 1.0 + 1.6 * strength

    def sound(self) -> np.ndarray:
        """Noise with the teeth's tone, as loud as the stroke is fast, lower on the way back."""
        part, made = self.part, []
        for stretch in part.events:
            count = samples(stretch.end - stretch.start)
            times = np.arange(count) / SAMPLE_RATE
            speed = np.cos(2 * np.pi * self.rate(stretch.strength) * times)
            middle = part.pitch(1500)
            push = sounds.hiss(stretch.end - stretch.start, middle, 2.2 * middle, part.draw)[:count]
            pull = sounds.hiss(stretch.end - stretch.start, 0.5 * middle, 1.2 * middle, part.draw)[:count]
            voice = np.where(speed > 0, push, pull) * np.abs(speed) ** 1.5
            gain = 0.3 * (0.4 + 0.6 * stretch.strength)
            made.append((stretch.start, gain * voice * sounds.envelope(count, 0.006, 0.03)))
        return (part.loudness() * sounds.track(part.seconds, made)).astype(np.float32)

    def paint(self, brush: Brush, time: float) -> None:
        """Trestle, log, saw with its handle, sawdust."""
        part = self.part
        stretch = active(time, part.events)
        place, depth = self._place(time), -0.02
        for x in (-0.25, 0.2):
            brush.line([(x - 0.1, 0.5), (x + 0.1, 0.1)], 0.05, (120, 84, 50))
            brush.line([(x + 0.1, 0.5), (x - 0.1, 0.1)], 0.05, (120, 84, 50))
        brush.polygon([(-0.42, 0.02), (0.36, 0.02), (0.36, 0.24), (-0.42, 0.24)], part.colour)
        brush.ellipse(0.36, 0.13, 0.06, 0.11, shade(part.colour, 1.35))
        if stretch is not None:
            for k in range(6):
                fallen = (3 * time + 0.37 * k) % 1.0
                brush.disc(-0.06 + 0.05 * np.sin(9 * k), 0.22 + 0.27 * fallen, 0.02, (236, 206, 150), edge=False)
        blade = brush.at(-0.02 + 0.17 * place, depth, angle=0.12)
        blade.polygon([(-0.34, -0.06), (0.28, -0.16), (0.28, 0.08), (-0.34, 0.08)], (196, 202, 210))
        blade.polygon([(0.26, -0.2), (0.42, -0.16), (0.44, 0.06), (0.26, 0.1)], part.accent)
        blade.disc(0.36, -0.05, 0.04, (224, 176, 140))

    def _place(self, time: float) -> float:
        """-1..1: how far the saw is pushed; after a stretch it goes slowly back to the middle."""
        begun = [stretch for stretch in self.part.events if stretch.start <= time]
        if not begun:
            return 0.0
        last = begun[-1]
        place = np.sin(2 * np.pi * self.rate(last.strength) * (min(time, last.end) - last.start))
        return float(place) * max(0.0, 1 - max(0.0, time - last.end) / 0.3)
