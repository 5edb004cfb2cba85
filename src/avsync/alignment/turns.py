"""Whose turn it is: a hidden Markov model over the faces on screen and "none of them".

What a face scores while the voice is its own lies around a strength, otherwise around 0, both with a spread of 1. So a
window's log-likelihood ratio for a face, against none, is strength * score - strength² / 2, divided by the number of
windows that count as one. Turns last :data:`TURN` on average, and whoever comes next is anybody alike.

T windows, K faces, any further dimensions: models that are compared (offsets, strengths).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

STRENGTHS = (0.6, 1.2, 2.4)
"""Mean scores of a face whose voice is heard that are tried: from a stranger to a speaker the network knows."""

TURN = 250
"""Windows that a turn lasts on average: 10 s."""

ABSENT = -1e3
"""Log-likelihood ratio of a face that is not on screen."""


def ratios(score: Tensor, weight: Tensor, strength: float, tied: float) -> Tensor:
    """Log-likelihood ratios, face against none, of the shape of ``score`` and ``weight``."""
    return weight * (strength * score - strength**2 / 2) / tied


def evidence(ratio: Tensor, fresh: Tensor | None = None) -> Tensor:
    """Log-likelihood of the whole, over that of nobody ever.

    Args:
        ratio: (T, K, ...) log-likelihood ratios.
        fresh: (T, K) bool, True where a place shows another face than one window before: who spoke there has left,
            and next is anybody alike; None for never.

    Returns:
        (...).
    """
    for last in _forward(ratio, _moves(ratio, fresh)):  # noqa: B007  only the last one counts
        pass
    return last.logsumexp(dim=0)


def posterior(ratio: Tensor, fresh: Tensor | None = None) -> Tensor:
    """Chance of every face and, last, of none, at every window: (T, K) to (T, K + 1), rows sum to 1."""
    moves = _moves(ratio, fresh)
    ahead = torch.stack(list(_forward(ratio, moves)))
    return (ahead + torch.stack(list(_backward(ratio, moves))[::-1])).softmax(dim=1)


def likeliest(ratio: Tensor, fresh: Tensor | None = None) -> Tensor:
    """The likeliest course (Viterbi): (T, K) to (T,) int64, K for none."""
    said, (stay, switch) = _with_none(ratio), _moves(ratio, fresh)
    best, came = said[0], torch.zeros(said.shape, dtype=torch.long)
    own = torch.arange(said.shape[1])
    for t in range(1, len(said)):
        kept, moved = best + stay[t].log(), best + switch[t].log()
        leader = int(moved.argmax())
        came[t] = torch.where(kept >= moved[leader], own, leader)
        best = torch.maximum(kept, moved[leader]) + said[t]
    course = [int(best.argmax())]
    for t in range(len(said) - 1, 0, -1):
        course.append(int(came[t, course[-1]]))
    return torch.tensor(course[::-1])


def _with_none(ratio: Tensor) -> Tensor:
    return torch.cat([ratio, torch.zeros_like(ratio[:, :1])], dim=1)


def _moves(ratio: Tensor, fresh: Tensor | None) -> tuple[Tensor, Tensor]:
    """Chances (T, K + 1, ...) of a state to stay itself, and of going to one certain other state."""
    states = ratio.shape[1] + 1
    left = torch.zeros(ratio.shape[:2], dtype=torch.bool) if fresh is None else fresh
    left = _with_none(left)[(..., *[None] * (ratio.dim() - 2))]
    stay = torch.where(left, 1 / states, 1 - 1 / TURN)
    switch = torch.where(left, 1 / states, 1 / TURN / max(1, states - 1))
    return stay, switch


def _forward(ratio: Tensor, moves: tuple[Tensor, Tensor]) -> Iterator[Tensor]:
    """Log-likelihood of everything up to a window and of each state there: T times (K + 1, ...)."""
    said, (stay, switch) = _with_none(ratio), moves
    here = said[0] - math.log(said.shape[1])
    yield here
    for t in range(1, len(said)):
        highest = here.amax(dim=0)
        share = (here - highest).exp()
        here = highest + (share * (stay[t] - switch[t]) + (share * switch[t]).sum(dim=0)).log() + said[t]
        yield here


def _backward(ratio: Tensor, moves: tuple[Tensor, Tensor]) -> Iterator[Tensor]:
    """Log-likelihood of everything after a window given each state there, the last window first."""
    said, (stay, switch) = _with_none(ratio), moves
    after = torch.zeros_like(said[0])
    yield after
    for t in range(len(said) - 1, 0, -1):
        told = after + said[t]
        highest = told.amax(dim=0)
        share = (told - highest).exp()
        after = highest + (share * (stay[t] - switch[t]) + share.sum(dim=0) * switch[t]).log()
        yield after
