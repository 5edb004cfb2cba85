"""Sounds made of decaying partials, of shaped noise and of gliding tones, all (S,) float32 at 16 kHz."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avsync.clock import SAMPLE_RATE, samples

_HIGHEST = 0.45 * SAMPLE_RATE


def ring(
    frequency: float,
    ratios: Sequence[float],
    *,
    decay: float,
    strength: float = 1.0,
    damping: float = 0.6,
    seconds: float | None = None,
) -> np.ndarray:
    """What a struck thing does: partials that die away, the high ones sooner, and fewer of them after a soft hit.

    Args:
        frequency: Hz of the lowest partial.
        ratios: Of the partials' frequencies to it.
        decay: Seconds in which the lowest partial falls to 1/e.
        strength: 0..1 of the hit.
        damping: How much sooner high partials die: decay * ratio ** -damping.
        seconds: Length; default until it is inaudible.
    """
    times = np.arange(samples(seconds or min(1.6, 6 * decay))) / SAMPLE_RATE
    total = np.zeros(len(times))
    for ratio in ratios:
        if frequency * ratio < _HIGHEST:
            gain = ratio ** (-0.3 - 1.2 * (1 - strength))
            total += gain * np.sin(2 * np.pi * frequency * ratio * times) * np.exp(-times / decay * ratio**damping)
    return total.astype(np.float32)


def hiss(seconds: float, low: float, high: float, draw: np.random.Generator) -> np.ndarray:
    """Noise of unit power between two frequencies in Hz, with slopes of about an octave."""
    count = max(16, samples(seconds))
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    slopes = 1 / (1 + (low / np.maximum(frequencies, 1.0)) ** 6) / (1 + (frequencies / high) ** 6)
    spectrum = slopes * np.exp(2j * np.pi * draw.random(len(frequencies)))
    noise = np.fft.irfft(spectrum, count)
    return (noise / max(1e-9, float(np.sqrt(np.mean(noise**2))))).astype(np.float32)


def burst(decay: float, low: float, high: float, draw: np.random.Generator) -> np.ndarray:
    """A hit's noise: at once there, gone after a few ``decay`` seconds."""
    noise = hiss(7 * decay, low, high, draw)
    return 0.5 * noise * np.exp(-np.arange(len(noise)) / (decay * SAMPLE_RATE)).astype(np.float32)


def tone(frequency: np.ndarray, gains: Sequence[float]) -> np.ndarray:
    """A tone with overtones.

    Args:
        frequency: (S,) Hz at every sample.
        gains: Of the first, second, ... harmonic; those too high for the sample rate are left out.
    """
    phase = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE
    total = np.zeros(len(frequency))
    for number, gain in enumerate(gains, 1):
        if gain and number * float(frequency.max()) < _HIGHEST:
            total += gain * np.sin(number * phase)
    return total.astype(np.float32)


def envelope(count: int, attack: float, release: float) -> np.ndarray:
    """(count,) from 0 up in ``attack`` seconds, 1, and down in the last ``release`` seconds."""
    places = np.arange(count) / SAMPLE_RATE
    length = count / SAMPLE_RATE
    return np.minimum(places / attack, (length - places) / release).clip(0, 1).astype(np.float32)


def track(seconds: float, pieces: Sequence[tuple[float, np.ndarray]]) -> np.ndarray:
    """A whole sound track: each piece begins at its time; what goes beyond the end is cut."""
    total = np.zeros(samples(seconds), np.float32)
    for time, piece in pieces:
        first = samples(time)
        part = piece[: max(0, len(total) - first)]
        total[first : first + len(part)] += part
    return total
