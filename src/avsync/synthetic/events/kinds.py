"""The kinds of things with what sets one apart from another: how it is made, when it acts, where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avsync.synthetic.events import alive, falling, machines, struck
from avsync.synthetic.events.acting import Event, Part, Thing
from avsync.synthetic.events.brush import Colour
from avsync.synthetic.events.materials import BRASS, METAL, PLASTIC, RUBBER, STONE, WOOD, Material, colour_of
from avsync.synthetic.events.names import KINDS

_MOST = 8


@dataclass(frozen=True)
class Kind:
    """A kind of thing.

    Attributes:
        make: Gives the thing.
        materials: It may be made of one of these.
        shortest: Seconds from one hit to the next at least; for what sounds in stretches, their shortest.
        tail: Seconds that a hit is heard; 0 for what sounds in stretches.
        longest: Seconds of the longest stretch.
        stands: On the ground; otherwise it hangs anywhere.
    """

    make: Callable[[Part], Thing]
    materials: tuple[Material, ...]
    shortest: float
    tail: float = 0.0
    longest: float = 0.0
    stands: bool = True


TABLE: dict[str, Kind] = {
    "hammer": Kind(struck.Hammer, (WOOD, METAL, STONE), 0.3, tail=0.2),
    "bell": Kind(struck.Bell, (BRASS, METAL), 0.34, tail=0.5, stands=False),
    "ball": Kind(falling.Ball, (PLASTIC, WOOD, RUBBER), 0.42, tail=0.2),
    "drum": Kind(struck.Drum, (WOOD,), 0.26, tail=0.3),
    "door": Kind(falling.Door, (WOOD, METAL), 0.6, tail=0.35),
    "siren": Kind(machines.Siren, (PLASTIC,), 0.4, longest=1.4),
    "engine": Kind(machines.Engine, (METAL,), 0.4, longest=1.4),
    "string": Kind(struck.String, (WOOD,), 0.3, tail=0.45, stands=False),
    "clap": Kind(alive.Clap, (WOOD,), 0.28, tail=0.16),
    "glass": Kind(struck.Glass, (METAL,), 0.28, tail=0.4),
    "bird": Kind(alive.Bird, (WOOD,), 0.12, longest=0.5, stands=False),
    "footsteps": Kind(alive.Footsteps, (WOOD, METAL, STONE), 0.3, tail=0.16),
    "clock": Kind(machines.Clock, (WOOD, METAL), 0.3, tail=0.14, stands=False),
    "drops": Kind(falling.Drops, (METAL,), 0.3, tail=0.2, stands=False),
    "dog": Kind(alive.Dog, (WOOD,), 0.16, longest=0.34),
    "saw": Kind(machines.Saw, (WOOD,), 0.45, longest=1.3),
}
assert tuple(TABLE) == KINDS


def make_thing(name: str, seconds: float, draw: np.random.Generator, *, still: bool = False) -> tuple[Thing, Part]:
    """A thing of a kind, at random.

    Args:
        name: One of :data:`avsync.synthetic.events.names.KINDS`.
        seconds: Length of the clip.
        draw: Source of chance.
        still: It does nothing in this clip.
    """
    kind = TABLE[name]
    material = kind.materials[draw.integers(len(kind.materials))]
    part = Part(
        seconds=seconds,
        size=float(draw.uniform(0, 1)),
        material=material,
        colour=colour_of(material, float(draw.uniform(0, 1))),
        accent=_accent(draw),
        vary=draw.uniform(0, 1, 8),
        events=() if still else rhythm(kind, seconds, draw),
        draw=draw,
    )
    return kind.make(part), part


def _accent(draw: np.random.Generator) -> Colour:
    """Any lively colour."""
    hue, value = draw.uniform(0, 6), draw.uniform(110, 235)
    wheel = [value * (1 - draw.uniform(0.35, 0.9) * min(1.0, max(0.0, abs((hue - k) % 6 - 3) - 1))) for k in (0, 2, 4)]
    return wheel[0], wheel[1], wheel[2]


def rhythm(kind: Kind, seconds: float, draw: np.random.Generator) -> tuple[Event, ...]:
    """Irregular times: 2 to 8 hits in a clip of 4 s, or stretches of any length with pauses of any length."""
    margin = min(0.24, 0.1 * seconds)
    room = seconds - 2 * margin
    return _hits(kind, margin, room, draw) if kind.tail else _stretches(kind, margin, room, draw)


def _hits(kind: Kind, margin: float, room: float, draw: np.random.Generator) -> tuple[Event, ...]:
    most = max(1, min(round(_MOST * max(1.0, (room + 0.5) / 4)), 1 + int(0.75 * room / kind.shortest)))
    count = int(draw.integers(min(2, most), most + 1))
    times = np.sort(draw.uniform(0, max(0.0, room - (count - 1) * kind.shortest), count))
    times += margin + kind.shortest * np.arange(count)
    ends = np.minimum(times + kind.tail, np.append(times[1:], margin + room + margin))
    strengths = draw.uniform(0.35, 1.0, count)
    return tuple(map(_event, times, ends, strengths))


def _stretches(kind: Kind, margin: float, room: float, draw: np.random.Generator) -> tuple[Event, ...]:
    made: list[Event] = []
    time = margin + draw.uniform(0, 0.2) * room
    end = margin + room
    while time + kind.shortest <= end and len(made) < 2 * _MOST * max(1.0, room / 4):
        length = min(float(draw.uniform(kind.shortest, kind.longest)), end - time)
        made.append(_event(time, time + length, draw.uniform(0.35, 1.0)))
        time += length + 0.16 + draw.exponential(0.35 + 0.3 * kind.longest)
    return tuple(made) or (_event(margin, margin + min(room, kind.shortest), draw.uniform(0.35, 1.0)),)


def _event(start: float, end: float, strength: float) -> Event:
    return Event(round(float(start), 4), round(float(end), 4), round(float(strength), 3))
