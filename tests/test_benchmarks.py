"""What benchmarks compare must be the same thing, done in two ways."""

import argparse
import importlib.util

import pytest
import torch

from avsync.models import checkpoints
from conftest import ROOT
from flashes import write_flashes

TOWERS = {"widths": [8, 8, 8, 8, 8], "full": [16], "embedding": 12}
SMALL = {
    "syncnet": {
        "_target_": "avsync.models.syncnet.SyncNet",
        "video_features": {"_target_": "avsync.features.video.MouthFrames"},
        "audio_features": {"_target_": "avsync.features.audio.LogMel"},
        "video_tower": {"_target_": "avsync.models.syncnet.VideoTower", "widths": [8, 8, 8]},
        "audio_tower": {"_target_": "avsync.models.syncnet.AudioTower", "widths": [8, 8, 8]},
    },
    "syncnet_v2": {
        "_target_": "avsync.models.syncnet.SyncNet",
        "video_features": {"_target_": "avsync.features.colour.ColourFrames"},
        "audio_features": {"_target_": "avsync.features.mfcc.Mfcc"},
        "video_tower": {"_target_": "avsync.models.syncnet_vgg.VideoTower", **TOWERS},
        "audio_tower": {"_target_": "avsync.models.syncnet_vgg.AudioTower", **TOWERS},
        "unit": False,
    },
}


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def speed():
    return loaded("training_speed")


@pytest.mark.parametrize("model", SMALL)
def test_whole_clips_and_window_by_window_give_the_same_embeddings(speed, model):
    torch.manual_seed(0)
    net = checkpoints.build(SMALL[model]).eval()
    frames = torch.randint(0, 256, (2, 9, net.face_size, net.face_size, 3), dtype=torch.uint8)
    audio = 0.1 * torch.randn(2, 9 * 640)
    with torch.inference_mode():
        whole, single = speed.whole_clips(net, frames, audio), speed.window_by_window(net, frames, audio)
    for one, other in zip(whole, single, strict=True):
        assert one.shape == other.shape == (2, 5, one.shape[2])
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(one.abs().max()))


def test_a_row_is_measured(speed):
    told = speed.measure("syncnet", "both", "cpu", segments=1, seconds=0.6, steps=1)
    assert set(told) == {"whole", "plain", "memory"} and all(value > 0 for value in told.values())


@pytest.fixture(scope="module")
def step():
    return loaded("cav_mae_step")


@pytest.mark.parametrize("model", ["cav_mae_sync", "cav_mae"])
def test_a_step_of_cav_mae_and_the_straightforward_one_give_the_same(step, model):
    net = step.build("small", model)
    windows, pictures = step.inputs(net, 2, "cpu")
    hidden = (
        net.masking.hide_audio(2, net.audio_grid, windows.device),
        net.masking.hide_video(2, net.video_grid, windows.device),
    )
    net.masking.hide_audio, net.masking.hide_video = (lambda *_, each=each: each for each in hidden)
    with torch.inference_mode():
        ours, plain = net(windows, pictures), step.straightforward(net, windows, pictures, hidden)
    assert ours.places_v is None and plain.places_v is None  # as in the papers
    for one, other in zip(ours[:-1], plain[:-1], strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_step_is_measured(step, monkeypatch):
    """Of both ways with the optimizer that training has, after clipping as there."""
    cfg, steps, plain = step.configured("+model/optimizer=adamw", "+trainer=default"), [], torch.optim.AdamW.step

    def watched(self):
        (group,) = self.param_groups
        norm = torch.stack([parameter.grad.norm() for parameter in group["params"]]).norm()
        steps.append((group["lr"], group["weight_decay"], group["fused"], float(norm)))
        plain(self)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    told = step.measure("small", batch=2, device="cpu", steps=1)
    assert all(row["seconds"] > row["optimizer"] > 0 for row in told.values()) and told["ours"]["flops"] > 1e9
    asked = cfg.model.optimizer
    assert len(steps) == 4 and {row[:3] for row in steps} == {(asked.lr, asked.weight_decay, asked.get("fused"))}
    assert all(row[3] <= cfg.trainer.gradient_clip_val + 1e-3 for row in steps)


def test_a_loader_is_measured_beside_a_step(tmp_path):
    """Of scenes that are decoded as they are asked for."""
    scene_loading, folder = loaded("scene_loading"), write_flashes(tmp_path, range(8))
    small = ["model.net.size.width=12", "model.net.video_features.size=32", "model.net.size.stem=[2,2,2,2]"]
    shards = [f"data.{split}={folder}" for split in ("train", "val", "test")]
    asked = ["model=cav_mae_sync", "data=scenes", *small, *shards, "data.batch_size=4", "data.seconds=2.0"]
    options = argparse.Namespace(workers=[0, 1], batches=1, steps=1, overrides=asked)
    rows = [line.split("|") for line in scene_loading.table(options)[4:]]
    assert [row[1].strip() for row in rows] == ["loader, 0 processes", "loader, 1 processes", "training step"]
    assert all(float(row[2]) > 0 for row in rows)


def test_retrieval_by_products_is_what_the_loop_gives():
    retrieval = loaded("retrieval")
    video, audio = torch.nn.functional.normalize(torch.randn(2, 6, 4, 8), dim=-1)
    for aggregation in retrieval.AGGREGATIONS:
        fast = retrieval.similarities(video, audio, aggregation)
        assert torch.allclose(fast, retrieval.plain_loop(video, audio, aggregation), atol=1e-6)
    options = argparse.Namespace(clips=8, frames=4, width=8, loop=4, times=1, aggregations=["mean", "max"])
    assert len([line for line in retrieval.table(options) if line.startswith("| ")]) == 3
