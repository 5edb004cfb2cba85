"""What things are made of: a look and a sound that belong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avsync.synthetic.events import sounds
from avsync.synthetic.events.brush import Colour, blend


@dataclass(frozen=True)
class Material:
    """A material that is struck.

    Attributes:
        name: For the truth.
        colours: Two colours; a thing has one between them.
        ratios: Of its partials.
        decay: Seconds; how long a thing of middle size rings.
        noise: Loudness of the hit's noise against its tone.
        band: Hz between which that noise lies.
    """

    name: str
    colours: tuple[Colour, Colour]
    ratios: tuple[float, ...]
    decay: float
    noise: float
    band: tuple[float, float]


WOOD = Material("wood", ((112, 70, 36), (190, 138, 84)), (1.0, 2.57, 4.9), 0.045, 0.8, (250, 2200))
METAL = Material("metal", ((92, 108, 128), (176, 192, 210)), (1.0, 2.76, 5.4, 8.93), 0.30, 0.3, (2800, 7000))
BRASS = Material("brass", ((176, 132, 40), (232, 192, 84)), (1.0, 2.0, 2.4, 3.0, 4.5, 5.3), 0.42, 0.2, (1500, 5000))
PLASTIC = Material("plastic", ((200, 40, 44), (240, 96, 60)), (1.0, 2.0, 3.1), 0.075, 0.5, (700, 3500))
RUBBER = Material("rubber", ((36, 120, 60), (90, 190, 80)), (1.0, 1.6), 0.06, 0.25, (100, 700))
STONE = Material("stone", ((196, 190, 178), (236, 232, 222)), (1.0, 3.3, 6.1), 0.03, 1.0, (1600, 6500))


def colour_of(material: Material, share: float) -> Colour:
    """The colour of a thing of this material, ``share`` 0..1 of the way between its two."""
    return blend(*material.colours, share)


def knock(material: Material, frequency: float, strength: float, draw: np.random.Generator) -> np.ndarray:
    """A hit on a thing whose lowest partial is ``frequency`` Hz; harder is louder and brighter."""
    tone = sounds.ring(frequency, material.ratios, decay=material.decay * (400 / frequency) ** 0.3, strength=strength)
    low, high = material.band
    click = material.noise * sounds.burst(0.012, low, low + (high - low) * strength, draw)
    length = max(len(tone), len(click))
    total = np.zeros(length, np.float32)
    total[: len(tone)] += 0.5 * tone
    total[: len(click)] += click
    return (0.15 + 0.85 * strength**1.5) * total
