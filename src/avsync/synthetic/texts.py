"""What the talkers say: sentences of plain words in several languages, no sentence in two splits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from avsync.synthetic.words import GRAMMARS, VOICES

SPLITS = ("train", "val", "test")
_SHARES = (0.8, 0.1, 0.1)
_COMMA = 0.12


@dataclass(frozen=True)
class Phrase:
    """Words spoken in one breath, and the seconds of silence after them."""

    text: str
    pause: float


def split_of(sentence: str) -> str:
    """The one split in which a sentence (or any other name) may be used: a function of its letters alone."""
    value = int.from_bytes(hashlib.sha256(sentence.casefold().encode()).digest()[:8], "big") / 2**64
    for split, limit in zip(SPLITS, np.cumsum(_SHARES), strict=True):
        if value < limit:
            return split
    return SPLITS[-1]


def sentence(language: str, split: str, draw: np.random.Generator) -> str:
    """A sentence that belongs to a split.

    Args:
        language: A key of `avsync.synthetic.words.GRAMMARS`.
        split: train, val or test.
        draw: Source of chance.

    Returns:
        Words without a final stop.
    """
    while True:
        words = _expand(GRAMMARS[language], draw)
        if split_of(words) == split:
            return words


def _expand(grammar: tuple[tuple[str, ...], ...], draw: np.random.Generator) -> str:
    chosen = []
    for slot in grammar:
        if draw.random() < 0.12 and len(slot) > 6:
            chosen.append(f"{slot[draw.integers(len(slot))]},")
        else:
            chosen.append(slot[draw.integers(len(slot))])
    return " ".join(word for word in chosen if word).strip(",")


def phrases(language: str, split: str, draw: np.random.Generator, count: int) -> list[Phrase]:
    """``count`` sentences with pauses of 0.2 to 0.8 s, sometimes hardly one, between them."""
    made = []
    for _ in range(count):
        pause = draw.uniform(0.2, 0.8) if draw.random() < 0.5 else draw.uniform(0.03, _COMMA)
        made.append(Phrase(sentence(language, split, draw), float(pause)))
    return made


def voices(language: str, split: str) -> tuple[str, ...]:
    """Voice names of a language that only this split may use."""
    return tuple(f"{language}+{variant}" for variant in VOICES[split])
