"""Whose turn it is: a hidden Markov model over the faces on screen and "none of them".

What a face scores while the voice is its own lies around a strength, otherwise around 0, both with a spread of 1. So a
window's log-likelihood ratio for a face, against none, is strength * score - strength² / 2, divided by the number of
windows that count as one. Turns last :data:`TURN` on average, and whoever comes next is anybody alike.

T windows, K faces, any further dimensions: models that are compared (offsets, strengths).
"""

from __future__ import annotations

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


def evidence(ratio: Tensor) -> Tensor:
    """Log-likelihood of the whole, over that of nobody ever: (T, K, ...) to (...)."""
    last = torch.zeros(())
    for last in _forward(ratio):  # noqa: B007  only the last one counts
        pass
    return last.logsumexp(dim=0)


def posterior(ratio: Tensor) -> Tensor:
    """Chance of every face and, last, of none, at every window: (T, K) to (T, K + 1), rows sum to 1."""
    ahead = torch.stack(list(_forward(ratio)))
    back = torch.stack(list(_forward(ratio.flip(0)))).flip(0)
    return (ahead + back - _with_none(ratio)).softmax(dim=1)  # both hold what the window itself says


def likeliest(ratio: Tensor) -> Tensor:
    """The likeliest course (Viterbi): (T, K) to (T,) int64, K for none."""
    said = _with_none(ratio)
    stay, switch = _moves(said.shape[1])
    best, came = said[0], torch.zeros(said.shape, dtype=torch.long)
    own = torch.arange(said.shape[1])
    for t in range(1, len(said)):
        leader = int(best.argmax())
        kept, moved = best + stay, best[leader] + switch
        came[t] = torch.where(kept >= moved, own, leader)
        best = torch.maximum(kept, moved) + said[t]
    course = [int(best.argmax())]
    for t in range(len(said) - 1, 0, -1):
        course.append(int(came[t, course[-1]]))
    return torch.tensor(course[::-1])


def _with_none(ratio: Tensor) -> Tensor:
    return torch.cat([ratio, torch.zeros_like(ratio[:, :1])], dim=1)


def _moves(states: int) -> tuple[Tensor, Tensor]:
    """Log-probabilities of staying, and of going to one certain other state."""
    leave = torch.tensor(1 / TURN)
    return (1 - leave).log(), (leave / max(1, states - 1)).log()


def _forward(ratio: Tensor) -> Iterator[Tensor]:
    """Log-likelihood of everything up to a window and of each state there: T times (K + 1, ...)."""
    said = _with_none(ratio)
    stay, switch = (move.exp() for move in _moves(said.shape[1]))
    here = said[0] - torch.tensor(float(said.shape[1])).log()
    yield here
    for row in said[1:]:
        highest = here.amax(dim=0)
        share = (here - highest).exp()
        here = highest + (share * (stay - switch) + share.sum(dim=0) * switch).log() + row
        yield here
