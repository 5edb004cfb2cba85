"""Who speaks at every window of a file: its offset, then the course of turns under it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from avsync import clock
from avsync.alignment.chance import SURE
from avsync.alignment.embedded import Seen
from avsync.alignment.matches import matches
from avsync.alignment.turns import ABSENT, STRENGTHS, evidence, likeliest, posterior, ratios

USUAL = 6.0
"""Frames of offset over which its chance, before anything is measured, falls to a third."""


@dataclass(frozen=True)
class Course:
    """Who speaks at every window of a file.

    Attributes:
        offset: Frames, positive: audio early; None when no offset fits any face.
        chance_any: That any face speaks at any time, 0...1.
        who: (T,) index of the face that speaks, -1 for none.
        chance: (N,) for every face: that the voice is its own, 0...1.
        nobody: (T,) that it is none's.
        heard: (T,) share of speech in the sound that belongs to the picture, 0...1; without an offset, in the sound of
            the same time.
    """

    offset: int | None
    chance_any: float
    who: Tensor
    chance: list[Tensor]
    nobody: Tensor
    heard: Tensor


def course(
    seen: list[Seen], sound: Tensor, speech: Tensor, *, search: int, given: int | None = None, least: float = SURE
) -> Course:
    """Find the offset that all faces share, and who speaks when.

    Offsets are compared by how well turns of faces explain the sound under them, against turns of nobody.

    Args:
        seen: The faces.
        sound: (A, D) embeddings of the file's sound windows.
        speech: (A,) share of speech in each, 0...1.
        search: Largest offset tried, frames.
        given: The offset, if it is known, however large; what lies within the search of it is no wrong pairing.
        least: Chance that any face speaks, under which the voice is nobody's.
    """
    centre = given or 0
    places = _Places(seen, sound, speech, search, centre)
    likely = torch.stack([evidence(places.ratios(strength), places.fresh) for strength in STRENGTHS])
    total = likely.logsumexp(dim=0) - math.log(len(STRENGTHS))  # (2 search + 1,)
    usual = (-torch.arange(-search, search + 1).abs() / USUAL).log_softmax(dim=0)
    best = int((total + usual).argmax()) if given is None else search
    odds = (total + usual).logsumexp(dim=0) if given is None else total[best]
    any_face = float(odds.double().sigmoid())
    strength = STRENGTHS[int(likely[:, best].argmax())]
    ratio = places.ratios(strength)[:, :, best]
    state, chance = likeliest(ratio, places.fresh), posterior(ratio, places.fresh)
    if any_face < least:  # nobody's throughout: certain where there is no face, else as likely as that is
        state = torch.full_like(state, ratio.shape[1])
        chance = F.pad(any_face * chance[:, :-1], (0, 1))
        chance[:, -1] = 1 - chance.sum(dim=1)
    found = centre + best - search
    offset = found if any_face >= least or given is not None else None
    # a voice that is nobody's is heard when it is heard: no picture moves it
    heard = _heard(speech, offset or 0, len(ratio))
    faces = F.pad(places.face, (0, 1), value=-1)
    who = faces.gather(1, state[:, None])[:, 0]
    own = [chance[one.first : one.end, place] for one, place in zip(seen, places.of_face, strict=True)]
    return Course(offset, any_face, who, own, chance[:, -1], heard)


class _Places:
    """Faces on a table of windows and places: one place holds faces that are never on screen together."""

    def __init__(self, seen: list[Seen], sound: Tensor, speech: Tensor, search: int, centre: int):
        sound = sound.float()
        held = [
            matches(one.video.float(), sound, speech, one.shown, start=one.first - centre, search=search)
            for one in seen
        ]
        said = [float(one.shown.sum()) + 1e-6 for one in seen]  # a photograph does not tell how windows hang together
        self.tied = sum(match.tied * by for match, by in zip(held, said, strict=True)) / sum(said)
        # a face is still on screen in the frames of its last window
        self.of_face = slots([(one.first, one.end + clock.WINDOW_FRAMES - 1) for one in seen])
        length, width = max([len(speech), *(one.end + clock.WINDOW_FRAMES - 1 for one in seen)]), max(self.of_face) + 1
        self.face = torch.full((length, width), -1)
        self.score, self.weight = (torch.zeros(length, width, 2 * search + 1) for _ in range(2))
        for index, (one, match, place) in enumerate(zip(seen, held, self.of_face, strict=True)):
            rows = slice(one.first, one.end)
            self.face[one.first : one.end + clock.WINDOW_FRAMES - 1, place] = index
            self.score[rows, place], self.weight[rows, place] = match.score, match.weight
        self.fresh = self.face.diff(dim=0, prepend=self.face[:1]) != 0

    def ratios(self, strength: float) -> Tensor:
        """(T, K, 2 search + 1)."""
        table = ratios(self.score, self.weight, strength, self.tied)
        return table.masked_fill((self.face < 0)[..., None], ABSENT)


def _heard(speech: Tensor, offset: int, length: int) -> Tensor:
    """Share of speech in what belongs to every window of the picture."""
    index = torch.arange(length) - offset
    return speech[index.clamp(0, len(speech) - 1)] * ((index >= 0) & (index < len(speech)))


def slots(spans: list[tuple[int, int]]) -> list[int]:
    """A place for each span (first, end), in order of ``first``, so that no two overlap in one place."""
    ends: list[int] = []
    chosen = []
    for first, end in spans:
        place = next((number for number, until in enumerate(ends) if until <= first), len(ends))
        ends[place : place + 1] = [end]
        chosen.append(place)
    return chosen
