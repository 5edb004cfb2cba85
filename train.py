"""Compose, make the data, train, evaluate: ``python train.py model=syncnet``; choices are in configs/train.yaml."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

import hydra
import pytorch_lightning as pl
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from avsync.errors import AvsyncError
from avsync.models.checkpoints import CheckpointError
from avsync.training.rounds import can_judge, run_rounds, shared
from avsync.training.trainer import fit

# Lightning advertises, and warns about its own use of torch
logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", module="pytorch_lightning")


def train(cfg: DictConfig) -> dict[str, float]:
    """Run what ``cfg`` describes, once or in rounds that clean the training clips."""
    if cfg.rounds == 1 or not cfg.train:
        return train_once(cfg)
    can_judge(cfg.model._target_)
    return run_rounds(
        lambda changes: train_once(OmegaConf.merge(cfg, changes)), cfg.rounds, Path(cfg.paths.run),
        shards=cfg.data.train, judge=instantiate(cfg.filter), scratch=cfg.rounds_from_scratch,
        settings=shared(OmegaConf.to_container(cfg, resolve=True)),
    )  # fmt: skip


def train_once(cfg: DictConfig | ListConfig) -> dict[str, float]:
    """Train and evaluate; the run's folder then holds config.yaml, checkpoints, metrics.json and report.html."""
    run = Path(cfg.paths.run)
    run.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(cfg, run / "config.yaml", resolve=True)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)

    data = instantiate(cfg.data)
    module = instantiate(cfg.model)
    module.net_config = OmegaConf.to_container(cfg.model.net, resolve=True)  # a plain dict, for the checkpoint
    callbacks = list(instantiate(cfg.callbacks).values())
    trainer = instantiate(cfg.trainer, callbacks=callbacks, logger=instantiate(cfg.logger))
    evaluation = instantiate(cfg.evaluation)

    if cfg.train:
        checkpoint = fit(trainer, module, data, cfg.checkpoint, OmegaConf.to_container(cfg, resolve=True))
    else:
        data.prepare_data()
        checkpoint = cfg.checkpoint
    if evaluation.needs_checkpoint and not checkpoint:
        raise CheckpointError(
            "train=false got no checkpoint to evaluate; give checkpoint=runs/NAME/checkpoints/best.ckpt"
        )
    return evaluation(checkpoint and Path(checkpoint), data.val, data.test, run) if trainer.is_global_zero else {}


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Train; the value returned is what a sweeper maximises."""
    try:
        metrics = train(cfg)
    except (AvsyncError, InstantiationException) as error:
        said = error if isinstance(error, AvsyncError) else error.__cause__  # of what Hydra builds
        if not isinstance(said, AvsyncError):
            raise
        print(f"avsync: {said}", file=sys.stderr)
        sys.exit(2)
    return metrics.get(cfg.metric)


if __name__ == "__main__":
    main()
