"""How much better a face goes with its sound than with sound from elsewhere in the same file, window by window.

    picture window i  .  sound window i - o     o = -search...search: may be right
                      .  far lags, all round    wrong for certain: what chance looks like

Embeddings are taken relative to their mean over the face and over the file, at unit length again as the network was
trained to compare them, then each window relative to its mean over all lags: a face that goes with any sound, and a
sound that goes with any face, say nothing. What is left is divided by its spread over all lags, that of the window or
of the face, whichever is larger, so that a wrong pairing scores 0 ± 1 whatever the network. The few right pairings
among them make the spread a little too wide, which errs towards "nobody".
Far lags go round in a circle: beyond the end of the sound comes its beginning, so that even a short file has them.

A window scores as far as it shows speaking: those of a photograph, or of a head in profile, score 0, as wrong pairings
do on average. While a voice is heard that speaks against the face, bit by bit: who looks away within a sentence keeps
the turn, who shows nothing for longer does not get it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

FAR = 90
"""Lags, evenly spaced over the file, that wrong pairings are taken from."""

BLOCK = 100
"""Windows whose sound is gathered at once: that of all would be D times the memory of the scores."""

RUN = 25
"""Windows of the runs whose sums tell how far windows depend on those beside them."""

TIED = (2.0, 10.0)
"""How many windows in a row may count as one: they share frames, and speech has its rhythm."""

CLAMP = (-4.0, 6.0)


@dataclass(frozen=True)
class Matches:
    """A face against the sound around it.

    Attributes:
        score: (N, 2 search + 1) for offsets -search...+search; wrong pairings score 0 ± 1, what shows nothing scores 0.
        weight: The same shape, 0...1: the share of speech in the sound; 0 where there is none.
        tied: How many windows in a row say as much as one.
    """

    score: Tensor
    weight: Tensor
    tied: float


def matches(video: Tensor, sound: Tensor, speech: Tensor, shown: Tensor, *, start: int, search: int) -> Matches:
    """Hold every picture window against the sound at every candidate offset.

    Args:
        video: (N, D) embeddings of picture windows start...start + N - 1.
        sound: (A, D) embeddings of the file's sound windows 0...A - 1.
        speech: (A,) share of speech in each, 0...1.
        shown: (N,) how much of speaking each picture window shows, 0...1.
        start: Index of the first picture window on the clock of the sound, below 0 as well.
        search: Largest offset, frames.
    """
    rows = torch.arange(len(video))[:, None] + start
    near = rows - torch.arange(-search, search + 1)  # (N, 2 search + 1)
    far = (rows - far_lags(len(sound), search)) % len(sound)  # (N, M)
    reached = (near >= 0) & (near < len(sound))
    index = torch.cat([near.clamp(0, len(sound) - 1), far], dim=1)
    weight = speech[index] * torch.cat([reached, torch.ones_like(far, dtype=torch.bool)], dim=1)
    middle = (video * shown[:, None]).sum(dim=0) / shown.sum().clamp(min=1e-6)
    score = _products(F.normalize(video - middle, dim=1), F.normalize(sound - sound.mean(dim=0), dim=1), index)
    score = score - (score * weight).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True).clamp(min=1e-6)
    # a face that comes to life varies more than at rest, with any sound
    power, seen = score.square() * weight, shown[:, None]
    overall = (power * seen).sum() / (weight * seen).sum().clamp(min=1e-6)
    own = power.sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True).clamp(min=1e-6)
    score = score / torch.maximum(own, overall).sqrt().clamp(min=1e-6)
    inner = slice(0, near.shape[1])
    return Matches(score[:, inner].clamp(*CLAMP) * seen, weight[:, inner], _tied(score, weight * seen))


def far_lags(length: int, search: int) -> Tensor:
    """(M,) lags all round a sound of ``length`` windows, at least twice the search away from 0.

    In a file too short for that, lags outside of the search; if there are none, none.
    """
    far = next((far for far in (2 * search, search + 1) if length > 2 * far), length)
    return torch.linspace(far, length - far, max(0, min(FAR, length - 2 * far))).round().long()


def _products(video: Tensor, sound: Tensor, index: Tensor) -> Tensor:
    """Scalar products (N, L) of every window with the sound windows that ``index`` (N, L) names."""
    found = torch.empty(index.shape)  # filled in place: parts that are kept would pin the memory between them
    for here, rows, columns in zip(found.split(BLOCK), video.split(BLOCK), index.split(BLOCK), strict=True):
        here[:] = torch.einsum("nd,nld->nl", rows, sound[columns])
    return found


def _tied(score: Tensor, weight: Tensor) -> float:
    """Variance of sums over runs of windows, over what it would be if each window were a draw of its own."""
    run = min(RUN, len(score))
    sums = (score * weight).unfold(0, run, 1).sum(dim=-1)
    alone = weight.square().unfold(0, run, 1).sum(dim=-1)
    said = alone > 0.3 * run
    if not said.any():
        return TIED[1]
    found = float(sums[said].square().sum() / alone[said].sum())
    return min(max(found, TIED[0]), TIED[1])
