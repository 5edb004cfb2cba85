"""Learning rates over a run."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.15, last: float = 0.01) -> LambdaLR:
    """Rise in a line, fall in a cosine. A resumed run may be longer than the one it goes on from.

    Args:
        optimizer: Whose learning rate is the highest reached.
        total_steps: Steps of the run; afterwards the rate stays at its last value.
        warmup: Share of them that the rise takes.
        last: What is left of the rate at the end, as a share.
    """
    rise = max(1, round(warmup * total_steps))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        done = min(1.0, (step - rise) / max(1, total_steps - rise))
        return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2

    return LambdaLR(optimizer, factor)
