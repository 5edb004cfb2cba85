"""Training of two towers on pairs in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from avsync.alignment.distances import distance_matrix
from avsync.evaluation.protocols import SEARCH, OffsetScores
from avsync.models.checkpoints import FORMAT
from avsync.models.syncnet import SyncNet


class SyncNetTraining(pl.LightningModule):
    """Embeds a batch of segments, asks the objective for the loss, and follows offset accuracy on validation.

    Args:
        net: A two-tower network, see :mod:`avsync.models.syncnet`.
        objective: (B, N, D) embeddings of both streams and the (B, N) share of speech to a scalar, see
            :mod:`avsync.training.objectives`.
        optimizer: From parameters to an optimizer.
        scheduler: From an optimizer and the number of steps to a schedule that advances every step, or None.

    Attributes:
        net_config: The config ``net`` was built from, as a plain dict; it goes into the checkpoint.
    """

    net_config: dict[str, Any] | None = None

    def __init__(
        self,
        net: SyncNet,
        objective: nn.Module,
        optimizer: Callable[..., torch.optim.Optimizer],
        scheduler: Callable[..., Any] | None = None,
    ):
        super().__init__()
        self.net, self.objective = net, objective
        self.optimizer, self.scheduler = optimizer, scheduler
        self.scores = OffsetScores()

    def forward(self, batch: dict) -> tuple[Tensor, Tensor]:
        """A batch of segments to (B, N, D) embeddings of both streams."""
        return self.net.embed_video(batch["frames"]), self.net.embed_audio(batch["audio"])

    def training_step(self, batch: dict, index: int) -> Tensor:
        """Loss of a batch."""
        video, audio = self(batch)
        with torch.autocast(self.device.type, enabled=False):  # half precision cannot tell near distances apart
            loss = self.objective(video, audio, batch["speech"])
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch["audio"]))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the last epoch's errors."""
        self.scores = OffsetScores()

    def validation_step(self, batch: dict, index: int) -> None:
        """Loss, and the offset of every window whose search range stays in its segment."""
        video, audio = self(batch)
        self.log("val/loss", self.objective(video, audio, batch["speech"]), batch_size=len(video), sync_dist=True)
        for clip in range(len(video)):
            distances = distance_matrix(video[clip], audio[clip], SEARCH)
            self.scores.add(distances.cpu(), batch["speech"][clip].cpu(), true=0)

    def on_validation_epoch_end(self) -> None:
        """Log accuracy on runs of speech."""
        scores = self.scores.compute()
        for frames in (5, 15):
            value = scores.get(f"offset_acc/k{frames}", 0.0)
            self.log(f"val/offset_acc_k{frames}", value, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """The optimizer, with its schedule over all steps of the run."""
        optimizer = self.optimizer(self.parameters())
        if self.scheduler is None:
            return optimizer
        schedule = self.scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the network."""
        checkpoint["avsync"] = {"format": FORMAT, "net": self.net_config}
