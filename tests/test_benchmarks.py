"""What benchmarks compare must be the same thing, done in two ways."""

import argparse
import importlib.util

import pytest
import torch

from avsync.models import checkpoints
from conftest import ROOT

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


def test_a_step_is_measured(step):
    told = step.measure("small", batch=2, device="cpu", steps=1)
    assert all(row["seconds"] > row["optimizer"] > 0 for row in told.values()) and told["ours"]["flops"] > 1e9


def test_retrieval_by_products_is_what_the_loop_gives():
    retrieval = loaded("retrieval")
    video, audio = torch.nn.functional.normalize(torch.randn(2, 6, 4, 8), dim=-1)
    for aggregation in retrieval.AGGREGATIONS:
        fast = retrieval.similarities(video, audio, aggregation)
        assert torch.allclose(fast, retrieval.plain_loop(video, audio, aggregation), atol=1e-6)
    options = argparse.Namespace(clips=8, frames=4, width=8, loop=4, times=1, aggregations=["mean", "max"])
    assert len([line for line in retrieval.table(options) if line.startswith("| ")]) == 3
