"""Learning rates over a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from avsync.errors import AvsyncError


def with_schedule(
    module: pl.LightningModule, optimizer: Callable[..., Optimizer], scheduler: Callable[..., Any] | None
) -> Any:
    """What ``configure_optimizers`` returns.

    Args:
        module: Whose parameters are trained, all that want gradients.
        optimizer: From parameters to an optimizer.
        scheduler: From an optimizer and the number of steps of the whole run to a schedule that advances every step,
            or None.

    Raises:
        AvsyncError: The run has no end.
    """
    chosen = optimizer([p for p in module.parameters() if p.requires_grad])
    if scheduler is None:
        return chosen
    steps = module.trainer.estimated_stepping_batches
    if math.isinf(steps):
        raise AvsyncError(
            f"trainer.max_epochs={module.trainer.max_epochs} has no end, and learning rates follow a schedule over the "
            "whole run; give trainer.max_epochs or trainer.max_steps"
        )
    schedule = scheduler(chosen, total_steps=int(steps))
    return {"optimizer": chosen, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


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


def halving(optimizer: Optimizer, total_steps: int, start: float = 0.4, every: float = 0.2) -> LambdaLR:
    """Stay, then halve again and again: CAV-MAE's, whose 25 epochs halve after the 10th and every 5.

    Args:
        optimizer: Whose learning rate is the first one.
        total_steps: Steps of the run.
        start: Share of them after which the rate is halved for the first time.
        every: Share of them between one halving and the next.
    """
    first, between = start * total_steps, every * total_steps
    # half a step of tolerance: shares of a run are no exact numbers
    return LambdaLR(optimizer, lambda step: 0.5 ** max(0, 1 + math.floor((step + 0.5 - first) / between)))
