"""Everything about a video of things that sound, but its pixels: which things, where, when, and in what room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from avsync import clock
from avsync.synthetic.events import sounds
from avsync.synthetic.events.acting import Part, Thing
from avsync.synthetic.events.backdrop import draw_backdrop
from avsync.synthetic.events.kinds import TABLE, make_thing
from avsync.synthetic.events.names import KINDS
from avsync.synthetic.events.passers import Passer, draw_passer
from avsync.synthetic.texts import SPLITS

WIDTH, HEIGHT = 160, 128
BOTH = 0.15
"""Share of the clips in which a second thing sounds."""
BORDER = 8
NOISES = 4


@dataclass(frozen=True)
class Placed:
    """A thing at its place.

    Attributes:
        label: Its kind.
        thing: What paints it and makes its sound.
        part: What it was given.
        sound: (S,) float32: what it alone gives, before the room and the microphone.
        x: Pixel of its middle.
        y: Likewise.
        scale: Pixels of its height.
        mirrored: Seen from the other side.
    """

    label: str
    thing: Thing
    part: Part
    sound: np.ndarray
    x: float
    y: float
    scale: float
    mirrored: bool


@dataclass(frozen=True)
class Camera:
    """How it is filmed.

    Attributes:
        noises: Each (H + 16, W + 16, 3) int16.
        tint: Gain of red, green, blue.
        drift: (T, 2) pixels by which the scene has moved right and down.
        crf: Quality of the encoder.
        seed: Of which noise comes when.
    """

    noises: list[np.ndarray]
    tint: tuple[float, float, float]
    drift: np.ndarray
    crf: int
    seed: int


@dataclass(frozen=True)
class Take:
    """A scene about to be filmed: nothing left to chance but the camera's noise.

    Attributes:
        placed: The things, those that sound first; a thing without events stays still.
        behind: Silent movers behind them.
        before: Silent movers in front of them.
        backdrop: (H + 16, W + 16, 3) uint8 RGB.
        surroundings: Name of the backdrop.
        sound: (S,) float32 at 16 kHz, as recorded.
        snr: dB.
        camera: How it is filmed.
    """

    placed: tuple[Placed, ...]
    behind: tuple[Passer, ...]
    before: tuple[Passer, ...]
    backdrop: np.ndarray
    surroundings: str
    sound: np.ndarray
    snr: float
    camera: Camera

    @property
    def labels(self) -> list[str]:
        """Kinds that sound, in the order of KINDS."""
        return [name for name in KINDS if any(one.label == name and one.part.events for one in self.placed)]

    @property
    def events(self) -> list[list[Any]]:
        """[start, end, label] s of everything that sounds, in the order of time."""
        return sorted([event.start, event.end, one.label] for one in self.placed for event in one.part.events)


def make_take(*, seed: int, split: str, seconds: float, kind: str | None = None, alone: bool | None = None) -> Take:
    """Everything about a video but its pixels.

    Args:
        seed: Another seed is another clip, of the next kind; the same seed in another split is another clip too.
        split: train, val or test; they share no thing, no backdrop and no rhythm.
        seconds: Length.
        kind: What sounds; default by the seed, each in turn.
        alone: True for one thing and nothing else that moves; False for a second one that sounds; default by chance.

    Returns:
        The take; the same for the same arguments.
    """
    streams = np.random.SeedSequence([seed, SPLITS.index(split)]).spawn(5)
    acts, place, moves, room, film = (np.random.default_rng(stream) for stream in streams)
    floor = int(place.uniform(0.6, 0.8) * HEIGHT)
    names = [kind or KINDS[seed % len(KINDS)]]
    both = acts.random() < BOTH if alone is None else not alone
    still = not both and acts.random() < 0.25 and not alone
    if both or still:
        names.append(str(acts.choice([name for name in KINDS if name != names[0]])))
    made = [make_thing(name, seconds, acts, still=still and k == 1) for k, name in enumerate(names)]
    placed = _place(names, made, floor, place)
    passers = [draw_passer(WIDTH, HEIGHT, floor, moves) for _ in range(0 if alone else int(moves.integers(0, 4)))]
    front = [one for one in passers if one.name in ("balloon", "leaf") and one.scale < 24]
    size = (WIDTH + 2 * BORDER, HEIGHT + 2 * BORDER)
    backdrop, surroundings = draw_backdrop(*size, floor + BORDER, place)
    sound, snr = _record([one.sound for one in placed], room)
    behind = tuple(one for one in passers if one not in front)
    camera = _camera(clock.frames(seconds) or 1, film)
    return Take(placed, behind, tuple(front), backdrop, surroundings, sound, snr, camera)


def _place(names: list[str], made: list[tuple[Thing, Part]], floor: int, draw: np.random.Generator) -> tuple:
    """Each thing in its own column, from left to right in any order."""
    placed = []
    width = WIDTH / len(made)
    columns = draw.permutation(len(made))
    for name, (thing, part), column in zip(names, made, columns, strict=True):
        scale = (64 + 32 * part.size) * (1.0 if len(made) == 1 else 0.8)
        slack = max(0.0, width - scale) / 2
        x = (column + 0.5) * width + draw.uniform(-slack, slack)
        low = draw.uniform(max(floor + 2, scale), HEIGHT - 3) - scale / 2
        high = draw.uniform(scale / 2 + 2, max(scale / 2 + 3, min(floor, HEIGHT - scale / 2)))
        y = low if TABLE[name].stands else high
        placed.append(
            Placed(name, thing, part, thing.sound(), float(x), float(y), float(scale), bool(draw.random() < 0.5))
        )
    return tuple(placed)


def _record(voices: list[np.ndarray], draw: np.random.Generator) -> tuple[np.ndarray, float]:
    """(S,) as a microphone hears it: a little of the room's echo, its tone, and a limit; and the ratio in dB."""
    clean = np.sum(voices, axis=0) * draw.uniform(0.75, 1.15)
    decay = draw.uniform(0.02, 0.06)
    length = clock.samples(5 * decay)
    tail = draw.standard_normal(length) * np.exp(-np.arange(length) / (decay * clock.SAMPLE_RATE))
    echo = fftconvolve(clean, tail / np.sqrt(np.sum(tail**2)))[: len(clean)]
    wet = clean + draw.uniform(0.0, 0.25) * echo
    snr = float(draw.uniform(22, 45))
    low = draw.uniform(40, 400)
    tone = sounds.hiss(len(clean) / clock.SAMPLE_RATE, low, low * draw.uniform(2, 12), draw)[: len(clean)]
    loud = float(np.sqrt(np.mean(wet**2)))
    return np.tanh(wet + tone * loud * 10 ** (-snr / 20)).astype(np.float32) * np.float32(0.98), round(snr, 1)


def _camera(count: int, draw: np.random.Generator) -> Camera:
    level = draw.uniform(0.5, 4.0)
    shape = (HEIGHT + 16, WIDTH + 16, 3)
    noises = [np.round(level * draw.standard_normal(shape, np.float32)).astype(np.int16) for _ in range(NOISES)]
    exposure, warm = draw.uniform(0.82, 1.12), draw.normal(0, 0.04)
    times = np.arange(count) / clock.FPS
    rates, phases = draw.uniform(0.03, 0.2, (2, 2)), draw.uniform(0, 2 * np.pi, (2, 2))
    waves = np.sin(2 * np.pi * rates * times[:, None, None] + phases).mean(2)
    drift = waves * draw.uniform(0, 0.9 * BORDER, 2)
    tint = (float(exposure * (1 + warm)), float(exposure), float(exposure * (1 - warm)))
    return Camera(noises, tint, drift, int(draw.integers(18, 26)), int(draw.integers(2**31)))
