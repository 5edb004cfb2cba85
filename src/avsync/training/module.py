"""What the LightningModules have in common: a network with its optimizer, what it begins with and what of it stays."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from avsync.errors import AvsyncError
from avsync.models.checkpoints import FORMAT, CheckpointError
from avsync.training.schedule import with_schedule
from avsync.training.transfer import begin, parts


class NetworkTraining(pl.LightningModule):
    """A network that is trained.

    Args:
        net: Any of :mod:`avsync.models`.
        optimizer: From parameters to an optimizer.
        scheduler: From an optimizer and the number of steps to a schedule that advances every step, or None.
        init_from: What the network begins with, see :func:`avsync.training.transfer.begin`; or None.
        init_parts: Parts of the network that begin with it; none for all.
        freeze: Parts of the network that stay as they are, such as ``video_tower``, their statistics too.
        seed: Of what a step draws.

    Attributes:
        net_config: The config ``net`` was built from, as a plain dict; it goes into the checkpoint.
    """

    net_config: dict[str, Any] | None = None

    def __init__(
        self,
        net: nn.Module,
        optimizer: Callable[..., torch.optim.Optimizer],
        scheduler: Callable[..., Any] | None = None,
        init_from: str | None = None,
        init_parts: Sequence[str] = (),
        freeze: Sequence[str] = (),
        seed: int = 0,
    ):
        super().__init__()
        self.net: Any = net
        self.optimizer, self.scheduler = optimizer, scheduler
        self.init_from, self.init_parts, self.freeze_parts = init_from, init_parts, freeze
        self.frozen: list[nn.Module] = []
        self.seed = seed

    def setup(self, stage: str) -> None:
        """Begin with the weights given and hold what is frozen.

        Raises:
            CheckpointError: The weights do not fit, or a part is not there.
            AvsyncError: All of the network is frozen.
        """
        if stage != "fit":
            return
        if self.init_from is not None:
            begin(self.net, self.init_from, self.init_parts)
        elif self.init_parts:
            raise CheckpointError("model.init_parts names parts of nothing to begin with; give model.init_from")
        self.frozen = parts(self.net, self.freeze_parts)
        for part in self.frozen:
            part.requires_grad_(False).eval()
        if not any(parameter.requires_grad for parameter in self.net.parameters()):
            raise AvsyncError(f"model.freeze={list(self.freeze_parts)} leaves nothing to train; leave a part out")

    def train(self, mode: bool = True) -> NetworkTraining:
        """Lightning's switch; frozen parts stay in evaluation, so that their statistics stay too."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Let dropout, vocal tracts and pairs depend on seed, step and rank alone.

        Devices draw each its own; a training that is gone on with draws what it would have drawn.
        """
        step = self.trainer.fit_loop.epoch_loop.batch_progress.total.ready
        torch.manual_seed(zlib.crc32(f"{self.seed}/step/{step}/{self.global_rank}".encode()))

    def on_validation_start(self) -> None:
        """Take over the first device's statistics, once.

        DDP does it with every batch of validation too, and waits for ever where devices have different numbers of them.
        """
        if isinstance(self.trainer.model, DistributedDataParallel):
            for buffer in self.buffers():
                dist.broadcast(buffer, 0)
            self.trainer.model.broadcast_buffers = False  # training normalises by the batch

    def gathered(self, own: list[Any]) -> list[Any]:
        """What all devices hold, in the order of ranks; shares may differ in size, and one may be empty."""
        if self.trainer.world_size == 1:
            return own
        shares: list[Any] = [None] * self.trainer.world_size
        dist.all_gather_object(shares, own)
        return [one for share in shares for one in share]

    def configure_optimizers(self) -> Any:
        """The optimizer, with its schedule over all steps of the run."""
        return with_schedule(self, self.optimizer, self.scheduler)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the network."""
        checkpoint["avsync"] = {"format": FORMAT, "net": self.net_config}
