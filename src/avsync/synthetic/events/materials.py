"""What things are made of, and breeds of what is alive or runs: a look and a sound that belong together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avsync.synthetic.events import sounds
from avsync.synthetic.events.brush import Colour, blend


@dataclass(frozen=True)
class Material:
    """A material that is struck, or a breed.

    Attributes:
        name: For the truth.
        colours: Two colours; a thing has one between them.
        ratios: Of its partials; of a voice its harmonics, as many as there are.
        decay: Seconds; how long a thing of middle size rings, a bird's note, a clap. Of a car: its fires a
            second against others'.
        noise: Loudness of the hit's noise against its tone, or how hoarse a voice is.
        band: Hz between which that noise lies, or the voice's pitch.
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
CRYSTAL = Material("crystal", ((186, 220, 238), (222, 240, 248)), (1.0, 2.32, 4.25), 0.22, 0.4, (3000, 7000))

SKINS: tuple[Colour, Colour] = ((104, 66, 46), (240, 196, 164))

SINGERS = (
    Material("robin", ((214, 70, 36), (240, 120, 60)), (1.0, 2.0), 0.13, 0.0, (2200, 3600)),
    Material("canary", ((236, 200, 30), (250, 232, 110)), (1.0,), 0.06, 0.0, (3600, 4800)),
    Material("crow", ((26, 26, 34), (62, 60, 72)), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), 0.07, 0.7, (620, 820)),
    Material("jay", ((40, 90, 200), (90, 150, 240)), (1.0, 2.0), 0.3, 0.1, (1300, 4400)),
    Material("parrot", ((30, 140, 60), (90, 200, 70)), (1.0, 2.0, 3.0, 4.0), 0.09, 0.25, (1000, 1600)),
)
"""Birds: how long a note is and between which pitches it goes."""

DOGS = (
    Material("mastiff", ((34, 30, 32), (70, 62, 60)), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), 0.2, 0.8, (150, 240)),
    Material("retriever", ((176, 120, 60), (214, 160, 92)), (1.0, 2.0, 3.0, 4.0, 5.0), 0.2, 0.4, (300, 430)),
    Material("terrier", ((226, 216, 200), (248, 242, 232)), (1.0, 2.0, 3.0), 0.2, 0.15, (760, 1050)),
    Material("husky", ((110, 124, 148), (150, 164, 186)), (1.0, 2.0), 0.2, 0.0, (440, 640)),
)
"""Dogs: from which pitch to which a bark falls."""

GLOVES = (
    Material("bare", SKINS, (), 0.03, 0.0, (900, 2600)),
    Material("leather", ((24, 24, 26), (56, 56, 60)), (), 0.035, 0.0, (250, 800)),
    Material("rubber gloves", ((232, 200, 20), (248, 226, 80)), (), 0.016, 0.0, (2600, 6500)),
    Material("mittens", ((30, 70, 190), (90, 140, 236)), (), 0.07, 0.0, (90, 330)),
)
"""Hands: what claps, how long and in which band."""

SIRENS = (
    Material("blue light", ((40, 80, 255), (60, 100, 255)), (), 0.0, 0.0, (760, 760)),
    Material("red light", ((255, 40, 30), (255, 60, 50)), (), 0.0, 0.0, (620, 620)),
    Material("amber light", ((255, 150, 20), (255, 165, 40)), (), 0.0, 0.0, (430, 430)),
    Material("green light", ((40, 230, 80), (60, 240, 100)), (), 0.0, 0.0, (1400, 1400)),
)
"""Sirens: two tones, a wail, a pulsed tone, one that rises again and again."""

CARS = (
    Material("diesel", ((120, 124, 132), (170, 174, 180)), (), 1.0, 0.6, (120, 1100)),
    Material("two-stroke", ((200, 36, 36), (240, 90, 70)), (), 2.4, 0.25, (700, 3600)),
    Material("tractor", ((30, 120, 50), (80, 170, 70)), (), 0.4, 0.5, (60, 420)),
    Material("electric", ((226, 232, 240), (250, 250, 252)), (), 9.0, 0.1, (2500, 6000)),
)
"""Engines: how often they fire against a common one, and the band of their noise."""


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
