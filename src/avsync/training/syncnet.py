"""Training of two towers on pairs in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avsync import clock
from avsync.alignment.distances import distance_matrix
from avsync.data.pairs import numbered
from avsync.errors import AvsyncError
from avsync.evaluation.protocols import SEARCH, OffsetScores
from avsync.models.syncnet import SyncNet
from avsync.training.module import NetworkTraining

SHORTEST = 2 * SEARCH + clock.WINDOW_FRAMES
"""Frames of a segment one of whose windows has its search range in it."""


class SyncNetTraining(NetworkTraining):
    """Embeds a batch of segments, asks the objective for the loss, and follows offset accuracy on validation.

    Args:
        net: A two-tower network, see :mod:`avsync.models.syncnet`.
        objective: Embeddings of both streams to a scalar, see :mod:`avsync.training.objectives`.
        optimizer: From parameters to an optimizer.
        scheduler: From an optimizer and the number of steps to a schedule that advances every step, or None.
        init_from: A checkpoint that the network starts with, or None.
        init_parts: Parts of the network that start with it, such as ``audio_tower``; none for all.
        freeze: Parts of the network that stay as they are, such as ``video_tower``.
        seed: Of pairs, vocal tracts and dropout.
    """

    def __init__(
        self,
        net: SyncNet,
        objective: nn.Module,
        optimizer: Callable[..., torch.optim.Optimizer],
        scheduler: Callable[..., Any] | None = None,
        init_from: str | None = None,
        init_parts: Sequence[str] = (),
        freeze: Sequence[str] = (),
        seed: int = 0,
    ):
        super().__init__(net, optimizer, scheduler, init_from, init_parts, freeze, seed)
        self.objective = objective
        self.scores = OffsetScores()
        self.losses: list[tuple[float, int]] = []

    def on_fit_start(self) -> None:
        """Refuse segments in which validation finds no offset.

        Raises:
            AvsyncError: They are shorter than one window and the search range on both sides of it.
        """
        frames = getattr(self.trainer.datamodule, "segment_frames", SHORTEST)  # type: ignore[attr-defined]
        if frames < SHORTEST:
            raise AvsyncError(
                f"segments of {frames} frames are too short to search ±{SEARCH} frames for a window's sound; give "
                f"data.segment={clock.seconds(SHORTEST):g} or more"
            )

    def forward(self, batch: dict) -> tuple[Tensor, Tensor]:
        """A batch of segments to (B, N, D) embeddings of both streams."""
        return self.net.embed_video(batch["frames"]), self.net.embed_audio(batch["audio"])

    def training_step(self, batch: dict, index: int) -> dict[str, Tensor]:
        """Loss of a batch, and the embeddings for whoever wants to look at them."""
        video, audio = self(batch)
        loss = self._loss(video, audio, batch)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch["audio"]))
        return {"loss": loss, "video": video.detach(), "audio": audio.detach()}

    def _loss(self, video: Tensor, audio: Tensor, batch: dict) -> Tensor:
        progress = self.trainer.global_step / max(1, self.trainer.estimated_stepping_batches)
        with torch.autocast(self.device.type, enabled=False):  # half precision cannot tell near distances apart
            compared = self.net.centred(video), self.net.centred(audio)
            return self.objective(*compared, batch["speech"], numbered(batch["key"]), progress)

    def on_validation_epoch_start(self) -> None:
        """Forget the last epoch's errors."""
        self.scores, self.losses = OffsetScores(), []

    def validation_step(self, batch: dict, index: int) -> Tensor:
        """Loss, and the offset of every window whose search range stays in its segment.

        Returns:
            (B, N, 31) distances to candidates -15...+15.
        """
        video, audio = self(batch)
        self.losses.append((float(self._loss(video, audio, batch)), len(video)))
        compared = zip(self.net.centred(video), self.net.centred(audio), strict=True)
        matrices = [distance_matrix(*clip, SEARCH).cpu() for clip in compared]
        for distances, speech in zip(matrices, batch["speech"].cpu(), strict=True):
            self.scores.add(distances, speech, true=0)
        return torch.stack(matrices)

    def on_validation_epoch_end(self) -> None:
        """Log the mean loss and the accuracy on all devices' runs of speech, the same on every device.

        Raises:
            AvsyncError: There are no such runs.
        """
        losses, shares = self.gathered(self.losses), self.gathered([self.scores.joined()])
        self.scores.clips = [share for share in shares if share]
        scores = self.scores.compute()
        if "offset_acc/k5" not in scores:
            raise AvsyncError(
                f"none of the {sum(size for _, size in losses)} segments of validation holds speech whose offset can "
                "be told; give a data.val that speaks, in clips longer than data.segment"
            )
        self.log("val/loss", sum(loss * size for loss, size in losses) / sum(size for _, size in losses))
        for frames in (5, 15):
            if f"offset_acc/k{frames}" in scores:  # longer runs leave their search range sooner
                self.log(f"val/offset_acc_k{frames}", scores[f"offset_acc/k{frames}"], prog_bar=True)
