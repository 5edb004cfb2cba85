"""When a thing acts, and what that does to its pose: falls that end in a hit, shaking, stretches of noise."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from avsync.synthetic.events.brush import Brush, Colour
from avsync.synthetic.events.materials import Material


@dataclass(frozen=True)
class Event:
    """One time that a thing sounds.

    Attributes:
        start: Seconds; the instant of contact, or when it is switched on.
        end: Seconds; when it cannot be heard any more, or is switched off.
        strength: 0.3..1; how hard, how fast, how loud.
    """

    start: float
    end: float
    strength: float


@dataclass(frozen=True)
class Part:
    """What a thing is given to be itself in one clip.

    Attributes:
        seconds: Length of the clip.
        size: 0 small .. 1 big: bigger is lower and louder.
        material: What the part is made of that gives the sound.
        colour: Of that part; tells the material.
        accent: Colour of the rest, which tells nothing.
        vary: (8,) numbers 0..1 for shapes.
        events: In the order of time; none for a thing that stays still.
        draw: For what chance does in the sound.
    """

    seconds: float
    size: float
    material: Material
    colour: Colour
    accent: Colour
    vary: np.ndarray
    events: tuple[Event, ...]
    draw: np.random.Generator = field(repr=False)

    def pitch(self, middle: float) -> float:
        """Hz for a thing of this size, ``middle`` for a middle one: nearly an octave up or down at the extremes."""
        return float(middle * 2 ** (0.9 - 1.8 * self.size))

    def loudness(self) -> float:
        """Factor for a thing of this size."""
        return 0.45 + 0.55 * self.size


class Thing(Protocol):
    """A thing in its own coordinates: it fills about -0.5..0.5 each way, and stands on y = 0.5 if it stands."""

    def sound(self) -> np.ndarray:
        """(S,) float32 at 16 kHz: what is heard of it, silence between events; other noise each time."""

    def paint(self, brush: Brush, time: float) -> None:
        """How it looks at ``time`` s."""


def smooth(share: float) -> float:
    """0..1 with a soft start and end."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def lift(time: float, events: Sequence[Event], *, fall: float = 0.12, rest: float = 0.3) -> float:
    """Height of something that strikes: 0 at contact, raised to the strength of the hit that comes, ``rest`` between.

    It is fastest at the contact, as what falls is, so the motion that is seen peaks there.
    """
    index = bisect_right([event.start for event in events], time)
    gone = events[index - 1] if index else None
    coming = events[index] if index < len(events) else None
    low = rest if gone is None else rest * smooth((time - gone.start - 0.04) / 0.16)
    if coming is None:
        return low
    begin = coming.start - fall
    if time >= begin:
        return coming.strength * (1 - ((time - begin) / fall) ** 2)
    rise = min(0.3, 0.9 * (begin - gone.start)) if gone else 0.3
    share = smooth((time - begin + rise) / rise)
    return low + (coming.strength - low) * share


def since(time: float, events: Sequence[Event]) -> tuple[float, float]:
    """Seconds since the last event began, and its strength; (inf, 0) before the first."""
    index = bisect_right([event.start for event in events], time + 1e-6)
    return (time - events[index - 1].start, events[index - 1].strength) if index else (float("inf"), 0.0)


def shake(time: float, events: Sequence[Event], *, rate: float = 8.0, decay: float = 0.15) -> float:
    """-1..1: a struck thing trembling, ``rate`` times a second."""
    age, strength = since(time, events)
    return float(strength * np.exp(-age / decay) * np.cos(2 * np.pi * rate * age)) if age < 8 * decay else 0.0


def active(time: float, events: Sequence[Event]) -> Event | None:
    """The event that is going on; it has none before its start and none from its end on."""
    index = bisect_right([event.start for event in events], time + 1e-6)
    return events[index - 1] if index and time < events[index - 1].end else None


def level(time: float, event: Event | None) -> float:
    """0..1: how far a thing is switched on, with 40 ms for on and off."""
    if event is None:
        return 0.0
    return min(1.0, 0.4 + (time - event.start) / 0.04, max(0.0, (event.end - time) / 0.04))


def puff(brush: Brush, x: float, y: float, time: float, events: Sequence[Event], colour: Colour) -> None:
    """Dust that a hit raises: grows for a quarter of a second and falls apart."""
    age, strength = since(time, events)
    if age > 0.26:
        return
    grown = (0.5 + 0.5 * min(1.0, age / 0.24)) * strength
    for side in (-1, 1):
        for k in (1, 2):
            reach, high = 0.13 * k * grown, 0.05 * (3 - k) * grown
            radius = 0.045 * strength * (1 - age / 0.3) / k**0.5
            brush.disc(x + side * reach, y - high, radius, colour, edge=False)
