"""GRID: 34 people in front of a blue wall, 1000 sentences each, "bin blue at f two now".

Source: Cooke, Barker, Cunningham, Shao, "An audio-visual corpus for speech perception and automatic speech
recognition", JASA 120 (2006). https://zenodo.org/records/3625687, one zip a speaker. Videos of 3 s at 25 fps, with
their sound. Speaker 21 has no video.

Licence: CC BY 4.0, as that record says.

Layout: the zips, unpacked side by side. The older distribution has one or two more folders below the speaker's
(s1/video/, s1/video/mpg_6000/), which are read alike.

    GRID/
      s1/bbaf2n.mpg                name s1/bbaf2n, text "bin blue at f two now"
      s34/...
      alignments/s1/bbaf2n.align   not read

A file's name spells its sentence, so the text comes from there and not from alignments/, whose folders are assigned
to wrong speakers in that record according to lhotse's recipe, which puts them right.

Splits: GRID has none. Speakers 1, 2, 20 and 22 are test, the rest train: LipNet's unseen speakers (Assael et al.,
arXiv 1611.01599).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from avsync.data.sources import Source, videos, wrong_layout

LICENCE = "CC BY 4.0"
TEST_SPEAKERS = {1, 2, 20, 22}
DIGITS = dict(zip("z123456789", "zero one two three four five six seven eight nine".split(), strict=True))
WORDS: tuple[dict[str, str], ...] = (
    {word[0]: word for word in ("bin", "lay", "place", "set")},
    {word[0]: word for word in ("blue", "green", "red", "white")},
    {word[0]: word for word in ("at", "by", "in", "with")},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},  # no w: its name is three syllables long
    DIGITS,
    {word[0]: word for word in ("again", "now", "please", "soon")},
)
"""Command, colour, preposition, letter, digit, adverb, by the letter that stands for them in a file's name."""


def sources(root: Path) -> Iterator[Source]:
    """Every video of every speaker, s1, s2, ... s34.

    Raises:
        AvsyncError: There is no speaker's folder with a video in it.
    """
    speakers = {int(path.name[1:]): path for path in root.glob("s*") if re.fullmatch(r"s[0-9]+", path.name)}
    files = [(number, path) for number in sorted(speakers) for path in videos(speakers[number])]
    if not files:
        raise wrong_layout(root, "GRID: s1 ... s34 with .mpg files, the zips unpacked side by side")
    for number, path in files:
        meta = {"speaker": f"s{number}", "licence": LICENCE}
        if text := sentence(path.stem):
            meta["text"] = text
        yield Source(path, f"s{number}/{path.stem}", split="test" if number in TEST_SPEAKERS else "train", meta=meta)


def sentence(code: str) -> str:
    """``bbaf2n`` is "bin blue at f two now"; "" when the code is none of GRID's."""
    if len(code) != len(WORDS) or any(letter not in words for letter, words in zip(code, WORDS, strict=True)):
        return ""
    return " ".join(words[letter] for letter, words in zip(code, WORDS, strict=True))
