"""How much better a face goes with its sound than with sound from elsewhere in the same file, window by window.

    picture window i  .  sound window i - o          o = -SEARCH...SEARCH: may be right
                      .  further away, ± REACH       wrong for certain: what chance looks like

Embeddings are taken relative to their mean over the face and over the file, then each window relative to its mean over
all lags: a face that goes with any sound, and a sound that goes with any face, say nothing. What is left is divided by
its spread over all lags, so that a wrong pairing scores 0 ± 1 whatever the network. The few right pairings among them
make the spread a little too wide, which errs towards "nobody".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 60
"""Frames: how far wrong pairings are taken from, 2.4 s."""

RUN = 25
"""Windows of the runs whose sums tell how far windows depend on those beside them."""

TIED = (2.0, 10.0)
"""How many windows in a row may count as one: they share frames, and speech has its rhythm."""

CLAMP = (-4.0, 6.0)


@dataclass(frozen=True)
class Matches:
    """A face against the sound around it.

    Attributes:
        score: (N, 2 search + 1) for offsets -search...+search; wrong pairings score 0 ± 1.
        weight: The same shape, 0...1: the share of speech in the sound; 0 where there is none.
        tied: How many windows in a row say as much as one.
    """

    score: Tensor
    weight: Tensor
    tied: float


def matches(video: Tensor, sound: Tensor, speech: Tensor, *, start: int, search: int) -> Matches:
    """Hold every picture window against the sound at every candidate offset.

    Args:
        video: (N, D) embeddings of picture windows start...start + N - 1.
        sound: (A, D) embeddings of the file's sound windows 0...A - 1.
        speech: (A,) share of speech in each, 0...1.
        start: Index of the first picture window on the clock of the sound.
        search: Largest offset, frames.
    """
    reach = max(REACH, 3 * search)
    lags = torch.arange(-reach, reach + 1)
    index = torch.arange(len(video))[:, None] + start - lags  # (N, L)
    weight = speech[index.clamp(0, len(speech) - 1)] * ((index >= 0) & (index < len(speech)))
    video, mean = video - video.mean(dim=0), sound.mean(dim=0)
    score = torch.empty(len(video), len(lags))
    for column, lag in enumerate(lags.tolist()):  # a lag at a time: all at once would be D times the memory
        near = sound[(torch.arange(len(video)) + start - lag).clamp(0, len(sound) - 1)]
        score[:, column] = (video * (near - mean)).sum(dim=1)
    total = weight.sum(dim=1, keepdim=True).clamp(min=1e-6)
    score = (score - (score * weight).sum(dim=1, keepdim=True) / total) * (weight > 0)
    spread = ((score.square() * weight).sum() / weight.sum().clamp(min=1e-6)).sqrt().clamp(min=1e-6)
    score = score / spread
    inner = slice(reach - search, reach + search + 1)
    return Matches(score[:, inner].clamp(*CLAMP), weight[:, inner], _tied(score, weight))


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
