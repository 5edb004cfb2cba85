"""Lightning's trainer, with the precision that the hardware is good at."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch


def make_trainer(precision: str = "auto", accelerator: str = "auto", **arguments: Any) -> pl.Trainer:
    """A trainer.

    Args:
        precision: Lightning's name of one, or ``auto``: ``bf16-mixed`` where products of bfloat16 are fast.
        accelerator: Lightning's.
        arguments: Any other of ``pytorch_lightning.Trainer``.
    """
    chosen = fast_precision(accelerator) if precision == "auto" else precision
    return pl.Trainer(precision=chosen, accelerator=accelerator, **arguments)  # type: ignore[arg-type]


def fast_precision(accelerator: str) -> str:
    """``bf16-mixed`` where it is faster than ``32-true``: GPUs since Ampere, CPUs with AVX-512 BF16 or AMX."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if fast else "32-true"
