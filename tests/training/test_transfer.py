from functools import partial

import pytest
import pytorch_lightning as pl
import torch

from avsync.data.datamodule import cut, stack
from avsync.models import checkpoints
from avsync.models.checkpoints import FORMAT, CheckpointError
from avsync.models.shipped import export
from avsync.training.objectives import TimeMatching
from avsync.training.syncnet import SyncNetTraining
from mouths import draw_mouth

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:pytorch_lightning.*")


def config(width: int = 8) -> dict:
    """A small network of ours."""
    return {
        "_target_": "avsync.models.syncnet.SyncNet",
        "video_features": {"_target_": "avsync.features.video.MouthFrames"},
        "audio_features": {"_target_": "avsync.features.audio.LogMel"},
        "video_tower": {"_target_": "avsync.models.syncnet.VideoTower", "widths": [8, 8, 8], "embedding": width},
        "audio_tower": {"_target_": "avsync.models.syncnet.AudioTower", "widths": [8, 8, 8], "embedding": width},
    }


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint with weights of its own."""
    torch.manual_seed(7)
    state = {f"net.{name}": value for name, value in checkpoints.build(config()).state_dict().items()}
    checkpoints.save({"avsync": {"format": FORMAT, "net": config()}, "state_dict": state}, tmp_path / "given.ckpt")
    return str(tmp_path / "given.ckpt")


def module(**how) -> SyncNetTraining:
    torch.manual_seed(0)
    optimizer = partial(torch.optim.AdamW, lr=1e-2, weight_decay=0.1)
    training = SyncNetTraining(checkpoints.build(config()), TimeMatching(), optimizer, **how)
    training.setup("fit")
    return training


def fitted(training: SyncNetTraining) -> SyncNetTraining:
    """After a few steps, with validation between them."""
    batch = stack([cut(draw_mouth(seed, 1.4), 0, 35) for seed in range(4)])
    loader = torch.utils.data.DataLoader([batch, batch], batch_size=None)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(training, loader, loader)
    return training


def test_it_begins_with_the_weights_given(checkpoint):
    given = checkpoints.load(checkpoint)[0].state_dict()
    assert all(torch.equal(value, given[name]) for name, value in module(init_from=checkpoint).net.state_dict().items())
    assert not all(torch.equal(value, given[name]) for name, value in module().net.state_dict().items())


def test_a_name_that_ships_and_a_folder_will_do(checkpoint, tmp_path, monkeypatch):
    """What ``avsync.load`` takes; names that ship are looked up where they are installed."""
    export(checkpoint, tmp_path / "pretrained" / "small")
    monkeypatch.setattr("avsync.models.PRETRAINED", tmp_path / "pretrained")
    given = checkpoints.load(checkpoint)[0].state_dict()
    for name in ("small", str(tmp_path / "pretrained" / "small")):
        begun = module(init_from=name).net.state_dict()
        assert all(torch.equal(value, given[name]) for name, value in begun.items())
    with pytest.raises(CheckpointError, match=r"smal is not a file and not a name that ships \(small\)"):
        module(init_from="smal")


def test_one_tower_is_taken_over_into_a_network_that_differs_elsewhere(checkpoint):
    given = checkpoints.load(checkpoint)[0].state_dict()
    other = config()
    other["video_tower"]["depths"] = [2, 2, 1]
    net, fresh = checkpoints.build(other), checkpoints.build(other)
    fresh.load_state_dict(net.state_dict())
    SyncNetTraining(net, TimeMatching(), torch.optim.SGD, init_from=checkpoint, init_parts=["audio_tower"]).setup("fit")
    for name, value in net.state_dict().items():
        expected = given if name.startswith("audio_tower.") else fresh.state_dict()
        assert torch.equal(value, expected[name]), name
    with pytest.raises(CheckpointError, match="model.init_parts names 'lips'"):
        module(init_from=checkpoint, init_parts=["lips"])
    with pytest.raises(CheckpointError, match="give model.init_from"):
        module(init_parts=["audio_tower"])


def test_frozen_parts_stay_and_the_others_learn(checkpoint):
    """Weights and the statistics of normalisation alike, through validation and weight decay."""
    training = module(init_from=checkpoint, freeze=["video_tower", "audio_tower.sound"])
    before = {name: value.clone() for name, value in training.net.state_dict().items()}
    after = fitted(training).net.state_dict()
    same = {name for name, value in after.items() if torch.equal(value, before[name])}
    frozen = {name for name in after if name.startswith(("video_tower.", "audio_tower.sound."))}
    assert frozen <= same and {"audio_tower.head.weight", "audio_tower.head.bias"}.isdisjoint(same)
    held = {id(p) for group in training.optimizers().param_groups for p in group["params"]}
    assert held == {id(p) for name, p in training.named_parameters() if name.removeprefix("net.") not in frozen}


def test_frozen_parts_are_in_evaluation_while_the_rest_trains():
    training = module(freeze=["video_tower"])
    for mode in (True, False, True):
        training.train(mode)
        assert not any(part.training for part in training.net.video_tower.modules())
        assert all(part.training == mode for part in training.net.audio_tower.modules())


def test_what_does_not_fit_is_told_by_name(checkpoint):
    wide = checkpoints.build(config(width=16))
    with pytest.raises(CheckpointError, match=r"4 of \d+ tensors: video_tower.head.2.weight is \(8, 72\)") as caught:
        SyncNetTraining(wide, TimeMatching(), torch.optim.SGD, init_from=checkpoint).setup("fit")
    assert "and 1 more" in str(caught.value) and "\n" not in str(caught.value)


def test_a_part_that_is_not_there_is_told():
    with pytest.raises(CheckpointError, match="names 'lips'.*video_tower, audio_tower"):
        module(freeze=["lips"])
