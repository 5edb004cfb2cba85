"""Watches a training, and says why when it does not learn: one line a cause, in the log and in diagnosis.json."""

from __future__ import annotations

import json
import logging
from collections import deque
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import Tensor

from avsync.data.speech import speech_near
from avsync.errors import AvsyncError
from avsync.evaluation.protocols import SEARCH
from avsync.media.atomic import whole_file
from avsync.training import causes, symptoms

log = logging.getLogger(__name__)


class NotFiniteError(AvsyncError):
    """The loss is no number any more."""


class Diagnosis(pl.Callback):
    """Looks at losses, embeddings and outlines of the data while a network trains; see :mod:`avsync.training.causes`.

    Args:
        folder: Where diagnosis.json goes when there is something to say.
        window: Steps over which the loss is judged.
        every: Steps between two looks at the embeddings.
        segments: The first so many tell what is in the data.

    Attributes:
        found: What was said, by cause.
    """

    def __init__(self, folder: str, window: int = 200, every: int = 10, segments: int = 128):
        self.folder, self.window, self.every, self.segments = Path(folder), window, every, segments
        self.found: dict[str, str] = {}
        self.relation: float | None = None
        self.steps = 0
        self.batch: dict[str, Any] = {}
        self.losses: deque[Tensor] = deque(maxlen=window)
        self.looks: deque[dict[str, float]] = deque(maxlen=max(1, window // every))
        self.outlines: list[tuple[str, Tensor, Tensor]] = []
        self.curves: list[Tensor] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: dict, batch_idx: int
    ) -> None:
        """Hold the batch, in case its loss is no number."""
        self.batch = batch

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Stop before a loss that is no number spoils the weights.

        Raises:
            NotFiniteError: It tells where the first such number is.
        """
        if not torch.isfinite(loss):
            origin = _origin(pl_module, self.batch)
            raise NotFiniteError(f"the loss is {loss.item()} after {trainer.global_step} steps: {origin}")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: dict, batch_idx: int
    ) -> None:
        """Note the loss; look at the first batches' data, and now and then at the embeddings."""
        self.batch = {}
        contrast = outputs.get("contrast")  # a reconstruction has no chance to be compared with
        self.losses.append(outputs["loss"] * trainer.accumulate_grad_batches if contrast is None else contrast)
        self.steps += 1
        if "tiles" in batch and len(self.outlines) < self.segments:
            self._look_at_data(batch)
        if self.steps % self.every == 0:
            self._look_at_learning(pl_module, outputs)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the last epoch's curves."""
        self.curves = []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: dict,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the mean distance of each segment at each candidate offset, where a network gives any."""
        if outputs is None:
            return
        for distances, speech in zip(outputs, batch["speech"].cpu(), strict=True):
            weight = speech_near(speech, SEARCH)[:, None] * ~distances.isnan()
            self.curves.append((distances.nan_to_num() * weight).sum(dim=0) / weight.sum(dim=0))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Once the network has learned: does it find the validation data in sync?"""
        if self.curves:
            self._say(causes.in_validation(torch.stack(self.curves)))

    def _look_at_data(self, batch: dict) -> None:
        keys, tiles, bands = batch["key"], batch["tiles"].float().cpu(), batch["bands"].float().cpu()
        self._say(causes.in_batch(keys, tiles, bands))
        self.outlines += zip(keys, tiles, bands, strict=True)
        if len(self.outlines) >= self.segments:
            names, pictures, sounds = zip(*self.outlines, strict=True)
            data = list(names), torch.stack(pictures), torch.stack(sounds)
            found = causes.in_data(*data)
            if not found:  # what is not there goes with nothing
                self.relation, found = causes.in_relation(*data)
            self._say(found)

    def _look_at_learning(self, module: pl.LightningModule, outputs: Any) -> None:
        video, audio = outputs["video"], outputs["audio"]
        scenes = "contrast" in outputs
        if scenes:  # one frame of each: clips are what has to be told apart
            video, audio = video[:, :1], audio[:, :1]
        in_time, in_clip = symptoms.apart(video, audio)
        spread = {"picture": symptoms.spread(video), "sound": symptoms.spread(audio)}
        self.looks.append({"in_time": in_time, "in_clip": in_clip, **spread})
        # what is wrong with the data explains what is wrong with the loss
        if len(self.losses) < self.window or self.found:
            return
        look = {name: sum(one[name] for one in self.looks) / len(self.looks) for name in self.looks[0]}
        losses = torch.stack(list(self.losses)).float().cpu()
        if scenes:
            self._say(causes.in_contrast(losses, look, float(outputs["chance"])))
            return
        chance = module.objective.chance(*video.shape[:2])  # type: ignore[union-attr, operator]
        self._say(causes.in_learning(losses, look, chance, self.relation))

    def _say(self, found: dict[str, str]) -> None:
        """Once a cause."""
        new = {cause: line for cause, line in found.items() if cause not in self.found}
        self.found |= new
        if new:
            _tell(new, self.found, self.folder / "diagnosis.json")


@rank_zero_only
def _tell(new: dict[str, str], found: dict[str, str], path: Path) -> None:
    for line in new.values():
        log.warning("diagnosis: %s", line)
    with whole_file(path) as partial:
        partial.write_text(json.dumps(found, indent=1) + "\n")


def _origin(module: pl.LightningModule, batch: dict) -> str:
    """Where numbers stop being numbers, and what to do."""
    for name in ("frames", "audio"):
        bad = [key for key, clip in zip(batch["key"], batch[name].float(), strict=True) if not clip.isfinite().all()]
        if bad:
            return f"{name} of clip {bad[0]} are none already; prepare it again or leave it out"
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            return f"weights {name} are none any more; lower model.optimizer.lr or trainer.gradient_clip_val"
    return "data and weights are numbers, so network or objective overflow; try trainer.precision=32-true"
