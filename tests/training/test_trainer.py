"""Real trainings of a linear network, with the callbacks of configs/."""

import csv
import time

import pytest
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from avsync.errors import AvsyncError
from avsync.models import checkpoints
from avsync.training.checkpoint_io import AtomicCheckpointIO
from avsync.training.logger import Log
from avsync.training.trainer import fast_precision, fit, make_trainer
from conftest import ROOT

# Lightning's own, and its advice on workers
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:pytorch_lightning.*")

QUIET = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}


class Scored(pl.LightningModule):
    """Its accuracy after each epoch is given."""

    def __init__(self, scores, dies=None):
        super().__init__()
        self.net, self.scores, self.dies = torch.nn.Linear(2, 1), scores, dies

    def training_step(self, batch, index):
        if self.trainer.global_step == self.dies:
            raise KeyError("killed")
        loss = self.net(batch).square().mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, index):
        self.log("val/offset_acc_k5", self.scores[self.current_epoch])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Batches(pl.LightningDataModule):
    """Four an epoch."""

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(4, 2))

    val_dataloader = train_dataloader


def trainer_in(run, epochs, **how):
    given = OmegaConf.load(ROOT / "configs" / "callbacks" / "default.yaml")
    cfg = OmegaConf.create({"paths": {"run": str(run)}, "callbacks": given})
    callbacks = list(instantiate(cfg.callbacks).values())
    kept = [one for one in callbacks if isinstance(one, pl.callbacks.ModelCheckpoint)]
    settings = {**QUIET, "logger": False, "plugins": [AtomicCheckpointIO()], "default_root_dir": run, **how}
    return make_trainer("32-true", max_epochs=epochs, callbacks=kept, **settings)


def trained(run, epochs, checkpoint=None, dies=None, **how):
    torch.manual_seed(0)
    module = Scored((0.5, 0.9, 0.7, 0.7, 0.8), dies)
    return fit(trainer_in(run, epochs, **how), module, Batches(), checkpoint and str(checkpoint), {"optimizer": "sgd"})


def epoch_of(path):
    return checkpoints.read(path)["epoch"]


def test_half_precision_only_where_it_is_fast(monkeypatch):
    for bfloat, tiles, expected in (
        (True, False, "bf16-mixed"),
        (False, True, "bf16-mixed"),
        (False, False, "32-true"),
    ):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda bfloat=bfloat: bfloat)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda tiles=tiles: tiles)
        assert fast_precision("cpu") == expected


def test_a_precision_that_is_named_is_taken():
    arguments = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    assert make_trainer(precision="64-true", **arguments).precision == "64-true"


def test_a_precision_that_is_too_coarse_is_refused():
    with pytest.raises(AvsyncError, match=r"trainer\.precision=bf16-true .*give bf16-mixed"):
        make_trainer(precision="bf16-true", accelerator="cpu")


def test_the_last_checkpoint_is_of_the_last_epoch_and_the_best_of_the_best(tmp_path):
    best = trained(tmp_path, 4)
    assert best == tmp_path / "checkpoints" / "best.ckpt" and epoch_of(best) == 1
    assert epoch_of(best.with_name("last.ckpt")) == 3
    assert sorted(path.name for path in best.parent.iterdir()) == ["best.ckpt", "last.ckpt"]


@pytest.mark.parametrize("checkpoint", ["last", "checkpoints/last.ckpt"])
@pytest.mark.parametrize("older", [False, True])
def test_a_training_goes_on_from_its_last_epoch_and_keeps_its_best(checkpoint, older, tmp_path):
    """Also from a checkpoint made when one callback wrote both."""
    last = trained(tmp_path, 3).with_name("last.ckpt")
    if older:
        content = checkpoints.read(last)
        (name,) = (name for name in content["callbacks"] if "'monitor': None" in name)
        del content["callbacks"][name]
        checkpoints.save(content, last)
    best = trained(tmp_path, 5, checkpoint=checkpoint if checkpoint == "last" else tmp_path / checkpoint)
    assert epoch_of(best) == 1 and epoch_of(last) == 4
    assert checkpoints.read(last)["global_step"] == 5 * 4
    assert trained(tmp_path, 5, checkpoint=last) == best  # ended while it was evaluated, and queued again


def test_a_folder_that_trains_nothing_leaves_that_it_came_from_alone(tmp_path):
    last = trained(tmp_path / "a", 2).with_name("last.ckpt")
    with pytest.raises(AvsyncError, match=r"nothing is left to train: .*last\.ckpt is at epoch 2 of .*max_epochs=2"):
        trained(tmp_path / "b", 2, checkpoint=last)
    assert epoch_of(trained(tmp_path / "b", 3, checkpoint=last)) == 2
    assert epoch_of(last) == 1


@pytest.mark.parametrize("how", [{"max_steps": 3}, {"limit_val_batches": 0}])
def test_where_nothing_was_validated_the_last_is_the_best(how, tmp_path, caplog):
    best = trained(tmp_path, 2, **how)
    assert best.name == "best.ckpt" and best.read_bytes() == best.with_name("last.ckpt").read_bytes()
    assert "nothing was validated" in caplog.text


def test_the_log_of_a_training_that_goes_on_is_that_of_one_that_was_never_stopped(tmp_path):
    """Also what was logged after the last checkpoint is there once."""

    def rows(run):
        with (run / "logs" / "metrics.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def logged(run, epochs, **how):
        trained(run, epochs, logger=Log(run, "logs", ""), log_every_n_steps=1, **how)

    logged(tmp_path / "whole", 4)
    with pytest.raises(KeyError):
        logged(tmp_path / "stopped", 4, dies=11)
    assert len(rows(tmp_path / "stopped")) == 11 + 2  # three steps of the third epoch
    logged(tmp_path / "stopped", 4, checkpoint="last")
    assert rows(tmp_path / "stopped") == rows(tmp_path / "whole") and len(rows(tmp_path / "whole")) == 16 + 4


def test_each_training_of_a_process_is_a_run_of_its_own_in_weights_and_biases(tmp_path, monkeypatch):
    """Rounds and sweeps; with the settings."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("round_1", "round_2"):
        cfg = OmegaConf.create({"paths": {"run": str(tmp_path / name)}})
        cfg.logger = OmegaConf.load(ROOT / "configs" / "logger" / "wandb.yaml")
        trained(tmp_path / name, 1, logger=instantiate(cfg.logger), log_every_n_steps=1)
        (file,) = (tmp_path / name).glob("wandb/offline-run-*/*.wandb")
        until = time.monotonic() + 10  # a process of its own writes it
        while b"val/offset_acc_k5" not in file.read_bytes() and time.monotonic() < until:
            time.sleep(0.1)
        assert b"optimizer" in file.read_bytes() and b"val/offset_acc_k5" in file.read_bytes()
