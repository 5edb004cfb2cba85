"""SyncNet's training on drawn mouths, with a network of 20,000 parameters."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch

from avsync.data.augment import Augment
from avsync.data.datamodule import ClipsDataModule
from avsync.data.effects.picture import Warp
from avsync.data.effects.sound import Noise
from avsync.errors import AvsyncError
from avsync.models import checkpoints
from avsync.training.checkpoint_io import AtomicCheckpointIO
from avsync.training.objectives import Contrastive
from avsync.training.schedule import warmup_cosine
from avsync.training.syncnet import SyncNetTraining
from killing import KillAt, Killed
from mouths import write_mouths
from syncnet_ranks import NET

# Lightning's own, and its advice on workers
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:pytorch_lightning.*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_mouths(tmp_path_factory.mktemp("mouths"), range(8), seconds=1.6)


def fitted(folder, epochs, resume=None, callbacks=(), segment=1.4, **how) -> pl.LightningModule:
    torch.manual_seed(0)
    module = SyncNetTraining(checkpoints.build(NET), Contrastive(), partial(torch.optim.Adam, lr=1e-3), warmup_cosine)
    augment = Augment(warp=Warp(), sound={"noise": Noise()})
    data = ClipsDataModule(folder, folder, folder, segment=segment, segments_per_clip=1, batch_size=4, workers=0,
                           shuffle=4, augment=augment)  # fmt: skip
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, enable_checkpointing=bool(callbacks), callbacks=list(callbacks),
        plugins=[AtomicCheckpointIO()], **how,
    )  # fmt: skip
    trainer.fit(module, datamodule=data, ckpt_path=resume)
    return module


def test_a_training_that_goes_on_is_the_one_that_was_never_stopped(folder, tmp_path):
    """To the last bit: clips, segments, augmentation, vocal tracts and pairs; and validation changes none of them."""
    last = pl.callbacks.ModelCheckpoint(tmp_path, filename="last", enable_version_counter=False)
    straight = fitted(folder, 3, limit_val_batches=0).state_dict()
    with pytest.raises(Killed):
        fitted(folder, 3, callbacks=[last, KillAt(1)])
    resumed = fitted(folder, 3, resume=tmp_path / "last.ckpt", callbacks=[last]).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in straight.items())


def test_segments_in_which_no_offset_is_found_are_refused(folder):
    """The first epoch would be the best for ever."""
    for segment, frames in ((0.3, 8), (1.36, 34)):
        with pytest.raises(AvsyncError, match=rf"segments of {frames} frames .*give data\.segment=1\.4 or more"):
            fitted(folder, 1, segment=segment)
    assert fitted(folder, 1, segment=1.4).trainer.callback_metrics["val/offset_acc_k5"] >= 0


def test_validation_without_speech_is_refused(folder):
    module = SyncNetTraining(checkpoints.build(NET), Contrastive(), torch.optim.SGD)
    module.trainer = trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    with pytest.raises(AvsyncError, match=r"none of the 0 segments .*give a data\.val that speaks"):
        module.on_validation_epoch_end()
    del trainer
