"""Two processes train CAV-MAE Sync on shards, as they would on a GPU each: ``python ranks.py TRAIN VAL OUT``.

Each leaves its weights, what it logged and the shares of patches that its steps hid in OUT/RANK.pt.
"""

import sys
from functools import partial

import pytorch_lightning as pl
import torch

from avsync.data.scenes import ScenesDataModule
from avsync.models import checkpoints
from avsync.training.cav_mae import CavMaeTraining
from avsync.training.schedule import warmup_cosine
from flashes import TINY

MASKING = {"_target_": "avsync.models.masking.Masking", "audio": [0.2, 0.8], "video": [0.2, 0.8]}


def main(train: str, val: str, out: str) -> None:
    torch.manual_seed(0)
    net = checkpoints.build({**TINY, "masking": MASKING, "standardized": True, "places": True})
    module = CavMaeTraining(net, partial(torch.optim.Adam, lr=1e-3), warmup_cosine, contrast=1.0, global_local=True)
    data = ScenesDataModule(
        train,
        val,
        val,
        size=64,
        seconds=2.0,
        frames_per_clip=2,
        val_frames=4,
        decoded_frames=20,
        batch_size=4,
        shuffle=8,
    )
    trainer = pl.Trainer(
        accelerator="cpu", devices=2, strategy="ddp", max_epochs=3, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    hidden: list[float] = []
    net.register_forward_hook(lambda _net, _given, said: hidden.append(float(said.mask_v.mean())))
    trainer.fit(module, datamodule=data)
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    weights = {name: value.detach() for name, value in net.named_parameters()}
    torch.save({"weights": weights, "logged": logged, "hidden": hidden}, f"{out}/{trainer.global_rank}.pt")
    trainer.strategy.barrier()


if __name__ == "__main__":
    main(*sys.argv[1:])
