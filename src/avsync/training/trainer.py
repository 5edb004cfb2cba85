"""Lightning's trainer, with the precision that the hardware is good at, and a fit that ends with a checkpoint."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from avsync.errors import AvsyncError
from avsync.media.atomic import whole_file

log = logging.getLogger(__name__)

COARSE = ("16-true", "bf16-true")
"""Precisions that hold no 256 greys and no spectrum."""


def make_trainer(precision: str = "auto", accelerator: str = "auto", **arguments: Any) -> pl.Trainer:
    """A trainer.

    Args:
        precision: Lightning's name of one, or ``auto``: ``bf16-mixed`` where products of bfloat16 are fast.
        accelerator: Lightning's.
        arguments: Any other of ``pytorch_lightning.Trainer``.

    Raises:
        AvsyncError: The precision is too coarse.
    """
    if precision in COARSE:
        raise AvsyncError(f"trainer.precision={precision} is too coarse for pictures and sound; give bf16-mixed")
    chosen = fast_precision(accelerator) if precision == "auto" else precision
    return pl.Trainer(precision=chosen, accelerator=accelerator, **arguments)  # type: ignore[arg-type]


def fast_precision(accelerator: str) -> str:
    """``bf16-mixed`` where it is faster than ``32-true``: GPUs since Ampere, CPUs with AVX-512 BF16 or AMX."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if fast else "32-true"


def fit(
    trainer: pl.Trainer,
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    checkpoint: str | None = None,
    settings: Any = None,
) -> Path:
    """Train, or go on.

    Args:
        trainer: Whose first checkpoint callback keeps the best.
        module: What is trained.
        data: What it is trained on.
        checkpoint: Where to go on, or None.
        settings: What loggers note beside the curves.

    Returns:
        The best checkpoint of this run; the last one, under the name of the best, where nothing was validated.

    Raises:
        AvsyncError: Nothing was left to train, or processes of a sweep would get into each other's way.
    """
    _require_one_process_a_run(trainer)
    for logger in trainer.loggers:
        logger.log_hyperparams(settings or {})
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
    for logger in trainer.loggers:  # Weights & Biases would write what a process trains next into the same run
        getattr(logger.experiment, "finish", lambda: None)()  # type: ignore[attr-defined]
    best, *others = trainer.checkpoint_callbacks
    # a training that goes on in another folder names what the folder before has
    written = [Path(one.best_model_path) for one in (best, *others) if _own(one)]  # type: ignore[attr-defined]
    if not written:
        raise AvsyncError(
            f"nothing is left to train: {checkpoint} is at epoch {trainer.current_epoch} of trainer.max_epochs="
            f"{trainer.max_epochs}, step {trainer.global_step}; raise trainer.max_epochs, or give train=false"
        )
    if _own(best):
        return written[0]
    log.warning("nothing was validated before the end of training: best.ckpt is the last one")
    named = written[0].with_name("best.ckpt")
    if trainer.is_global_zero:
        with whole_file(named) as partial:
            shutil.copyfile(written[0], partial)
    return named


def _own(callback: Any) -> bool:
    """Whether the best that it knows of is in its own folder."""
    return Path(callback.best_model_path).parent == Path(callback.dirpath)


def _require_one_process_a_run(trainer: pl.Trainer) -> None:
    """Lightning starts the other devices' processes with this one's words: of a sweep each would begin its own."""
    hydra = HydraConfig.get() if HydraConfig.initialized() else None
    if (
        hydra
        and hydra.mode == RunMode.MULTIRUN
        and trainer.world_size > 1
        and "BasicLauncher" in hydra.launcher._target_
    ):
        raise AvsyncError(
            f"a sweep's runs cannot share {trainer.world_size} devices here; start each run by itself without -m, give "
            "trainer.devices=1, or hydra/launcher=slurm"
        )
