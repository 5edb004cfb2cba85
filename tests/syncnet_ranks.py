"""Two processes train SyncNet on shards, as they would on a GPU each: ``python syncnet_ranks.py TRAIN VAL OUT``.

Each leaves its weights, what it logged, and what augmentation and vocal tracts drew in OUT/RANK.pt.
"""

import sys
from functools import partial

import pytorch_lightning as pl
import torch
from torch import nn

from avsync.data.datamodule import ClipsDataModule
from avsync.models import checkpoints
from avsync.training.objectives import Contrastive
from avsync.training.syncnet import SyncNetTraining

NET = {
    "_target_": "avsync.models.syncnet.SyncNet",
    "video_features": {"_target_": "avsync.features.video.MouthFrames"},
    "audio_features": {"_target_": "avsync.features.audio.LogMel", "tract": 0.1},
    "video_tower": {"_target_": "avsync.models.syncnet.VideoTower", "widths": [8, 8, 8], "embedding": 8},
    "audio_tower": {"_target_": "avsync.models.syncnet.AudioTower", "widths": [8, 8, 8], "embedding": 8},
}


class Draws(nn.Module):
    """Augmentation that leaves a batch as it is, and notes what it would have drawn."""

    def __init__(self):
        super().__init__()
        self.seen: list[float] = []

    def forward(self, batch: dict) -> dict:
        self.seen.append(float(torch.rand(())))
        return batch


def main(train: str, val: str, out: str) -> None:
    torch.manual_seed(0)
    net, draws, tracts = checkpoints.build(NET), Draws(), Draws()

    def note(features: nn.Module, _given: object) -> None:
        if features.training:
            tracts({})

    net.audio_features.register_forward_pre_hook(note)
    module = SyncNetTraining(net, Contrastive(), partial(torch.optim.Adam, lr=1e-3))
    data = ClipsDataModule(train, val, val, segment=1.4, segments_per_clip=1, batch_size=4, workers=0, augment=draws)
    trainer = pl.Trainer(
        accelerator="cpu", devices=2, strategy="ddp", max_epochs=2, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    weights = {name: value.detach() for name, value in net.state_dict().items()}
    drawn = {"augment": draws.seen, "tracts": tracts.seen}
    torch.save({"weights": weights, "logged": logged, "drawn": drawn}, f"{out}/{trainer.global_rank}.pt")
    trainer.strategy.barrier()


if __name__ == "__main__":
    main(*sys.argv[1:])
