"""When a thing acts, and what that does to its pose: falls that end in a hit, shaking, stretches of noise.

A picture alone tells much of whether it sounds now: what is silent is drawn back, open, dark; what was just hit is down
or shut for a moment, and what sounds in stretches is lit or open all the while.
"""

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


def poise(
    time: float, events: Sequence[Event], *, fall: float = 0.12, hold: float = 0.12, rise: float = 0.16
) -> tuple[float, float, Event | None]:
    """What strikes, between one hit and the next: it rests on what it hit, is drawn back, waits and comes down.

    Args:
        time: Seconds.
        events: The hits.
        fall: Seconds in which it comes down; it is fastest at the contact, so the motion that is seen peaks there.
        hold: Seconds that it rests at the contact.
        rise: Seconds in which it is drawn back.

    Returns:
        How far it is drawn back, 0..1; how far it has come down since, 0..1; the hit that comes, or None.
    """
    index = bisect_right([event.start for event in events], time)
    gone = events[index - 1] if index else None
    coming = events[index] if index < len(events) else None
    begin = float("inf") if coming is None else coming.start - fall
    back = 1.0
    if gone is not None:
        free = min(hold + rise, begin - gone.start)
        rise = max(0.02, min(free, max(0.1, free - hold)))  # no faster than pictures can follow, if there is time
        back = smooth((min(time, begin) - gone.start - free + rise) / rise)
    return back, max(0.0, (time - begin) / fall) ** 2, coming


def lift(time: float, events: Sequence[Event], **times: float) -> float:
    """Height 0..1 of something that strikes, 0 at the contact; how far it is drawn back tells how hard the next hit is.

    Args:
        time: Seconds.
        events: The hits.
        times: See :func:`poise`.
    """
    back, down, coming = poise(time, events, **times)
    return height_before(coming) * back * (1 - down)


def height_before(coming: Event | None) -> float:
    """How far back something is drawn for a hit, 0.55..1 by its strength."""
    return 0.75 if coming is None else 0.55 + 0.45 * coming.strength


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
    """A cloud of dust that a hit raises: grows for a quarter of a second and falls apart."""
    age, strength = since(time, events)
    if age > 0.26:
        return
    grown = (0.5 + 0.5 * min(1.0, age / 0.24)) * strength
    for side in (-1, 1):
        for k in (1, 2):
            reach, high = 0.13 * k * grown, 0.07 * (3 - k) * grown
            radius = 0.06 * (0.6 + strength) * (1 - age / 0.4) / k**0.5
            brush.disc(x + side * reach, y - high, radius, colour, edge=False)
