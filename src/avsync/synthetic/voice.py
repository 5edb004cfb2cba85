"""What is heard: sentences one after the other with pauses, spoken in one voice, recorded in a room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import fftconvolve, resample_poly

from avsync.clock import SAMPLE_RATE
from avsync.synthetic.espeak import PAUSE, Phoneme, Speech, say
from avsync.synthetic.texts import phrases, voices
from avsync.synthetic.words import LANGUAGE_WEIGHTS

TRACT_STEPS = 20
"""The vocal tract's size comes in twentieths, so that resampling is by small whole numbers."""


@dataclass(frozen=True)
class Voice:
    """How somebody speaks: espeak-ng's settings, and the size of the vocal tract.

    ``tract`` multiplies all frequencies (formants and pitch): 1.15 is a smaller head, 0.85 a larger one. espeak-ng has
    some thirty voices worth having; real ones differ continuously.
    """

    language: str
    name: str
    rate: int
    pitch: int
    pitch_range: int
    tract: float


@dataclass(frozen=True)
class Talk:
    """Seconds of talking.

    Attributes:
        clean: (S,) float32 at 16 kHz, the voice alone.
        phonemes: On the same clock, pauses included.
        texts: The sentences.
    """

    clean: np.ndarray
    phonemes: tuple[Phoneme, ...]
    texts: tuple[str, ...]


def draw_voice(split: str, draw: np.random.Generator) -> Voice:
    """A voice that only this split may use."""
    languages = list(LANGUAGE_WEIGHTS)
    language = str(draw.choice(languages, p=list(LANGUAGE_WEIGHTS.values())))
    return Voice(
        language=language,
        name=str(draw.choice(voices(language, split))),
        rate=int(draw.integers(185, 266)),
        pitch=int(draw.integers(25, 81)),
        pitch_range=int(draw.integers(30, 75)),
        tract=int(draw.integers(17, 24)) / TRACT_STEPS,
    )


def talk(voice: Voice, split: str, seconds: float, draw: np.random.Generator) -> Talk:
    """Speak for exactly ``seconds``, sentences of ``split`` only; the last one may be cut off."""
    start = float(draw.uniform(0.05, 0.5))
    clean = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    phonemes = [Phoneme(PAUSE, 0.0, start, 0.0)]
    texts = []
    while start < seconds:
        (phrase,) = phrases(voice.language, split, draw, 1)
        speech = _spoken(phrase.text, voice)
        wave = speech.waveform
        first = round(start * SAMPLE_RATE)
        start = first / SAMPLE_RATE
        room = clean[first : first + len(wave)]
        room += wave[: len(room)]
        phonemes += [_moved(phoneme, start, 1.0) for phoneme in speech.phonemes]
        end = start + len(wave) / SAMPLE_RATE
        start = end + phrase.pause
        phonemes.append(Phoneme(PAUSE, end, start, end))
        texts.append(phrase.text)
    kept = tuple(_cut(phoneme, seconds) for phoneme in phonemes if phoneme.start < seconds)
    return Talk(clean, kept, tuple(texts))


def _spoken(text: str, voice: Voice) -> Speech:
    """A phrase at 16 kHz. Played ``tract`` times as fast all frequencies rise, so it is spoken slower by as much."""
    rate = max(80, round(voice.rate / voice.tract))
    speech = say(text, voice.name, rate=rate, pitch=voice.pitch, pitch_range=voice.pitch_range)
    up, down = 320 * TRACT_STEPS, 441 * round(voice.tract * TRACT_STEPS) * speech.sample_rate // 22050
    wave = resample_poly(speech.waveform, up, down).astype(np.float32)
    phonemes = tuple(_moved(phoneme, 0.0, 1 / voice.tract) for phoneme in speech.phonemes)
    return Speech(wave, SAMPLE_RATE, phonemes)


def _moved(phoneme: Phoneme, by: float, scale: float) -> Phoneme:
    start, end, release = (by + scale * time for time in (phoneme.start, phoneme.end, phoneme.release))
    return Phoneme(phoneme.symbol, start, end, release, phoneme.stressed)


def _cut(phoneme: Phoneme, end: float) -> Phoneme:
    return Phoneme(phoneme.symbol, phoneme.start, min(phoneme.end, end), min(phoneme.release, end), phoneme.stressed)


def loudness(clean: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How loud the voice is at ``times`` (T,), 0..1.2, 1 being loud for this voice; over 40 ms around each."""
    power = uniform_filter1d(clean.astype(np.float64) ** 2, round(0.04 * SAMPLE_RATE))
    level = np.sqrt(np.maximum(power, 0))
    loud = np.percentile(level[level > 0.05 * max(level.max(), 1e-9)], 85) if level.max() > 1e-6 else 1.0
    at = np.round(times * SAMPLE_RATE).astype(int).clip(0, len(level) - 1)
    return (level[at] / loud).clip(0, 1.2)


def record(clean: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, float]:
    """The voice as a microphone in a room hears it: equalised, with echo and noise, not moved in time.

    Returns:
        (S,) float32, and the signal-to-noise ratio in dB.
    """
    sound = _equalised(clean, draw)
    if draw.random() < 0.35:
        sound = sound + _echo(sound, draw)
    snr = float(draw.uniform(20, 45))
    noise = _noise(len(sound), draw)
    speaking = np.abs(clean) > 0.02 * max(float(np.abs(clean).max()), 1e-9)
    level = float(np.sqrt((sound[speaking] ** 2).mean())) if speaking.any() else 0.05
    sound = sound + noise * level * 10 ** (-snr / 20)
    sound = sound / max(float(np.abs(sound).max()), 1e-6) * draw.uniform(0.15, 0.95)
    return sound.astype(np.float32), round(snr, 1)


def _equalised(sound: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A smooth random frequency response without phase, so nothing moves in time."""
    knots = draw.uniform(-5, 5, 7) + np.linspace(0, draw.uniform(-6, 4), 7)
    # zeros behind the end: the transform is circular
    padded = len(sound) + SAMPLE_RATE // 10
    spectrum = np.fft.rfft(sound, padded)
    place = np.linspace(0, 6, len(spectrum)) ** 0.5 * 6**0.5
    gain = 10 ** (np.interp(place, np.arange(7), knots) / 20)
    return np.fft.irfft(spectrum * gain, padded)[: len(sound)]


def _echo(sound: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    length = draw.uniform(0.08, 0.35)
    time = np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE
    tail = draw.standard_normal(len(time)) * np.exp(-6.9 * time / length) * (time > 0.003)
    tail /= np.sqrt((tail**2).sum()) + 1e-9
    return fftconvolve(sound, tail)[: len(sound)] * 10 ** (-draw.uniform(11, 20) / 20)


def _noise(count: int, draw: np.random.Generator) -> np.ndarray:
    """Noise of unit power, from white to brown, sometimes with a hum."""
    spectrum = np.fft.rfft(draw.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    noise = np.fft.irfft(spectrum / np.maximum(frequency, 60) ** draw.uniform(0, 1), count)
    noise /= noise.std() + 1e-12
    if draw.random() < 0.25:
        hum = np.sin(2 * np.pi * draw.choice([50, 60, 100]) * np.arange(count) / SAMPLE_RATE)
        noise = 0.8 * noise + 0.8 * hum
    return noise
