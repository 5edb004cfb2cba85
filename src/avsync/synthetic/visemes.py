"""From phonemes to the pose of the mouth at any time: viseme targets, blended by dominance (Cohen and Massaro 1993).

A pose is a row of `POSE` numbers. Every sound pulls towards its own targets while it lasts and a little before and
after; how strongly depends on the sound and on the feature (a /k/ leaves the lips to its neighbours, a /p/ does not).
Blending alone would never quite close a quick /p/, so the lips' closures are gated on afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avsync.synthetic.espeak import Phoneme

POSE = ("open", "width", "round", "raise", "bite", "press", "tongue", "jaw")
"""open: gap between the lips (0..1); width: corners apart (-1..1); round: lips drawn together and forward (0..1);
raise: upper lip shows the teeth; bite: lower lip under the upper teeth; press: lips pressed thin;
tongue: height of its tip (0..1); jaw: lowered (0..1)."""

OPEN, WIDTH, ROUND, RAISE, BITE, PRESS, TONGUE, JAW = range(len(POSE))

_BILABIAL = "pbm"
_BEFORE, _AFTER, _PAUSE_AFTER = 0.04, 0.032, 0.06
_CLOSING, _OPENING = 0.04, 0.03
_INHALE = 0.14

# symbol: targets in the order of POSE, then how strongly lips, tongue and jaw are pulled
_VISEMES: dict[str, tuple[tuple[float, ...], float]] = {
    "a": ((0.80, 0.20, 0.00, 0.25, 0, 0, 0.15, 0.85), 1.0),
    "æ": ((0.78, 0.45, 0.00, 0.40, 0, 0, 0.20, 0.80), 1.0),
    "ɑ": ((0.92, -0.05, 0.05, 0.15, 0, 0, 0.05, 1.00), 1.0),
    "ɒ": ((0.75, -0.25, 0.40, 0.10, 0, 0, 0.05, 0.80), 1.0),
    "ʌ": ((0.62, 0.05, 0.00, 0.15, 0, 0, 0.15, 0.65), 1.0),
    "ɔ": ((0.62, -0.35, 0.60, 0.10, 0, 0, 0.05, 0.62), 1.0),
    "o": ((0.42, -0.50, 0.85, 0.05, 0, 0, 0.05, 0.45), 1.0),
    "ʊ": ((0.28, -0.50, 0.80, 0.05, 0, 0, 0.10, 0.28), 1.0),
    "u": ((0.18, -0.65, 1.00, 0.05, 0, 0, 0.10, 0.20), 1.1),
    "e": ((0.42, 0.60, 0.00, 0.40, 0, 0, 0.30, 0.38), 1.0),
    "ɛ": ((0.56, 0.40, 0.00, 0.35, 0, 0, 0.25, 0.55), 1.0),
    "ɜ": ((0.42, -0.10, 0.30, 0.20, 0, 0, 0.20, 0.42), 0.9),
    "ə": ((0.32, 0.05, 0.05, 0.15, 0, 0, 0.20, 0.32), 0.6),
    "ɪ": ((0.32, 0.50, 0.00, 0.30, 0, 0, 0.35, 0.28), 0.9),
    "i": ((0.24, 0.85, 0.00, 0.40, 0, 0, 0.40, 0.18), 1.0),
    "y": ((0.18, -0.55, 0.95, 0.10, 0, 0, 0.40, 0.18), 1.1),
    "ø": ((0.36, -0.45, 0.80, 0.10, 0, 0, 0.30, 0.36), 1.0),
    "œ": ((0.50, -0.30, 0.60, 0.15, 0, 0, 0.20, 0.50), 1.0),
    "p": ((0.00, 0.00, 0.05, 0.00, 0, 0.8, 0.10, 0.12), 2.5),
    "m": ((0.00, 0.05, 0.00, 0.00, 0, 0.5, 0.10, 0.14), 2.5),
    "β": ((0.06, 0.00, 0.10, 0.00, 0, 0.2, 0.10, 0.20), 1.8),
    "f": ((0.10, 0.15, 0.00, 0.60, 1, 0, 0.10, 0.14), 2.2),
    "θ": ((0.26, 0.15, 0.00, 0.30, 0, 0, 0.95, 0.22), 1.2),
    "t": ((0.20, 0.25, 0.00, 0.30, 0, 0, 0.80, 0.14), 0.6),
    "l": ((0.34, 0.15, 0.00, 0.25, 0, 0, 1.00, 0.32), 0.6),
    "s": ((0.20, 0.50, 0.00, 0.55, 0, 0, 0.30, 0.06), 1.2),
    "ʃ": ((0.30, -0.45, 0.75, 0.65, 0, 0, 0.30, 0.08), 1.5),
    "k": ((0.26, 0.15, 0.00, 0.15, 0, 0, 0.00, 0.28), 0.4),
    "h": ((0.34, 0.05, 0.00, 0.15, 0, 0, 0.05, 0.35), 0.15),
    "j": ((0.22, 0.65, 0.00, 0.35, 0, 0, 0.40, 0.18), 0.7),
    "w": ((0.08, -0.70, 1.00, 0.00, 0, 0, 0.05, 0.18), 1.8),
    "ɹ": ((0.26, -0.35, 0.55, 0.20, 0, 0, 0.45, 0.24), 0.9),
    "r": ((0.30, 0.00, 0.10, 0.20, 0, 0, 0.75, 0.26), 0.6),
    "ʁ": ((0.30, 0.00, 0.05, 0.15, 0, 0, 0.00, 0.30), 0.4),
}
_SAME = {
    "b": "p", "v": "f", "ð": "θ", "d": "t", "n": "t", "ɾ": "r", "ʎ": "l", "z": "s", "ʒ": "ʃ", "ɡ": "k", "g": "k",
    "ŋ": "k", "ɲ": "t", "x": "k", "ɣ": "k", "ç": "j", "ɥ": "w", "ɐ": "ʌ", "ɚ": "ɜ", "ᵻ": "ɪ", "ʏ": "y", "ɨ": "ɪ",
    "ʉ": "u", "q": "k", "ɕ": "ʃ", "ʑ": "ʃ", "ʂ": "ʃ", "ʐ": "ʃ", "ʋ": "f", "ɤ": "o", "ʔ": "h", "ɦ": "h", "c": "j",
}  # fmt: skip
_MARKS = "ː-ʲ\u0303\u0329\u032f͡ˑ"


@dataclass(frozen=True)
class Style:
    """How a person articulates.

    Attributes:
        strength: Size of movements, about 0.75..1.3.
        rest_open: Gap between the lips in pauses, 0 when they touch.
        loudness_gain: How much louder speech opens the mouth further, 0..1.
        spread: Added to the width of every pose.
    """

    strength: float = 1.0
    rest_open: float = 0.0
    loudness_gain: float = 0.5
    spread: float = 0.0


@dataclass(frozen=True)
class _Segment:
    start: float
    end: float
    target: tuple[float, ...]
    weight: float
    after: float = _AFTER


def mouth_poses(
    phonemes: tuple[Phoneme, ...], times: np.ndarray, loudness: np.ndarray | None = None, style: Style | None = None
) -> np.ndarray:
    """The mouth at given times.

    Args:
        phonemes: In order, without overlaps.
        times: (T,) seconds.
        loudness: (T,) 0..1, of the sound at these times; None leaves it out.
        style: Of the speaker.

    Returns:
        (T, len(POSE)) float32.
    """
    style = style or Style()
    segments = [part for phoneme in phonemes for part in _segments(phoneme, style)]
    if not segments:
        segments = [_Segment(0.0, 1.0, _rest(style), 1.0)]
    pull = _dominance(segments, times)  # (T, N)
    targets = np.array([segment.target for segment in segments])
    poses = pull @ targets / pull.sum(1, keepdims=True)
    rest = np.array(_rest(style))
    poses = rest + (poses - rest) * style.strength
    poses[:, WIDTH] += style.spread
    if loudness is not None:
        louder = 1 + style.loudness_gain * (loudness - 0.6)
        poses[:, [OPEN, JAW]] *= louder[:, None]
    poses[:, OPEN] *= 1 - closure(phonemes, times)
    low = np.where(np.arange(len(POSE)) == WIDTH, -1.2, 0.0)
    return poses.clip(low, 1.3).astype(np.float32)


def closure(phonemes: tuple[Phoneme, ...], times: np.ndarray) -> np.ndarray:
    """How far bilabials close the lips: (T,) from 0 to 1, which is reached and held from closure to release."""
    closed = np.zeros(len(times))
    for phoneme in phonemes:
        if phoneme.symbol[:1] in _BILABIAL and phoneme.symbol:
            before = 1 - (phoneme.start - times) / _CLOSING
            after = 1 - (times - phoneme.release) / _OPENING
            ramp = np.minimum(before, after).clip(0, 1)
            closed = np.maximum(closed, ramp * ramp * (3 - 2 * ramp))
    return closed


def base_sounds(symbol: str) -> list[str]:
    """The visemes that an IPA symbol passes through: both vowels of a diphthong, both parts of an affricate."""
    return [_SAME.get(letter, letter) for letter in symbol if _SAME.get(letter, letter) in _VISEMES]


def _rest(style: Style) -> tuple[float, ...]:
    return (style.rest_open, 0.0, 0.05, 0.05, 0.0, 0.1 if style.rest_open < 0.02 else 0.0, 0.1, 0.05)


def _segments(phoneme: Phoneme, style: Style) -> list[_Segment]:
    start, end = phoneme.start, phoneme.end
    sounds = base_sounds(phoneme.symbol)
    if not sounds:
        if end - start < 0.06:
            return []
        inhale = max(start, end - _INHALE) if end - start > 0.3 else end
        rest = _Segment(start, inhale, _rest(style), 0.9, _PAUSE_AFTER)
        ready = (0.12, 0.05, 0.05, 0.15, 0, 0, 0.2, 0.12)
        return [rest, _Segment(inhale, end, ready, 0.4)] if inhale < end else [rest]
    edges = np.linspace(start, end, len(sounds) + 1)
    made = []
    for sound, first, last in zip(sounds, edges, edges[1:], strict=False):
        target, weight = _VISEMES[sound]
        if "ː" in phoneme.symbol or phoneme.stressed:
            weight *= 1.25
        made.append(_Segment(float(first), float(last), target, weight))
    return made


def _dominance(segments: list[_Segment], times: np.ndarray) -> np.ndarray:
    """(T, N): 1 x weight in the middle of each segment, falling off before and after."""
    start = np.array([segment.start for segment in segments])
    end = np.array([segment.end for segment in segments])
    weight = np.array([segment.weight for segment in segments])
    after = np.array([segment.after for segment in segments])
    inset = np.minimum(0.3 * (end - start), 0.03)
    early = np.maximum(start + inset - times[:, None], 0) / _BEFORE
    late = np.maximum(times[:, None] - (end - inset), 0) / after
    return weight * np.exp(-np.minimum((early + late) ** 1.5, 40)) + 1e-12
