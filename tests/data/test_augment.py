from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from avsync.data.augment import Augment
from avsync.data.effects.picture import Blur, Camera, Warp
from avsync.data.effects.sound import Noise

CONFIGS = Path(__file__).parent.parent.parent / "configs"


def composed(*overrides: str):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", ["data=shards", *overrides])


def choice(name: str, *overrides: str) -> Augment:
    """One of configs/data/augment."""
    return instantiate(composed(f"data/augment={name}", *overrides).data.augment)


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (4, 20, 32, 32, 3), generator=draw, dtype=torch.uint8)
    sound = torch.randn(4, 20 * 640, generator=draw) * 0.1
    return {"frames": frames, "audio": sound, "speech": torch.rand(4, 16), "key": list("abcd")}


@pytest.mark.parametrize(("colour", "planes"), [(False, 1), (True, 3)])
@pytest.mark.parametrize(("name", "steps"), [("light", 20), ("strong", 18)])
def test_shapes_and_range(batch, name, steps, colour, planes):
    out = choice(name, f"data.augment.colour={colour}")(batch)
    assert out["frames"].shape == (4, steps, 32, 32, planes) and out["audio"].shape == (4, steps * 640)
    assert 0 <= out["frames"].min() and out["frames"].max() <= 255 and out["key"] == batch["key"]
    assert out["speech"].shape == (4, steps - 4) and out["audio"].isfinite().all()


@pytest.mark.parametrize("name", ["light", "strong"])
def test_a_seed_gives_the_same_again_and_the_batch_stays_as_it_was(batch, name):
    before = {name: value.clone() for name, value in batch.items() if name != "key"}
    augment = choice(name)
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(augment(batch))
    for stream in ("frames", "audio"):
        assert torch.equal(drawn[0][stream], drawn[1][stream]) and not torch.equal(*(d[stream] for d in drawn[1:]))
    assert all(torch.equal(batch[name], value) for name, value in before.items())


def test_nothing_asked_nothing_changed(batch):
    out = Augment(colour=True)(batch)
    assert torch.equal(out["frames"], batch["frames"].float()) and torch.equal(out["audio"], batch["audio"])


def test_a_still_picture_stays_still(batch):
    """One draw a clip: augmentation that moved from frame to frame would look like speech."""
    batch["frames"] = batch["frames"][:, :1].expand(-1, 20, -1, -1, -1)
    still = ["data.augment.picture.camera.grain=0", "data.augment.picture.occlusion.speed=0"]
    for out in (choice("light", still[0])(batch)["frames"], choice("strong", *still)(batch)["frames"]):
        assert (out - out[:, :1]).abs().max() < 1e-3


def test_noise_has_the_ratio_asked_for(batch):
    out = Noise(decibels=(10.0, 10.0))(batch["audio"])
    ratio = batch["audio"].square().mean(1) / (out - batch["audio"]).square().mean(1)
    assert torch.allclose(10 * ratio.log10(), torch.full((4,), 10.0), atol=0.1)


def test_a_region_is_what_it_would_be_in_the_whole_and_the_rest_is_black():
    planes = torch.randint(0, 256, (2, 3, 1, 96, 96)).float()
    drawn = []
    for region in (None, (0.41, 0.25, 0.5)):
        torch.manual_seed(0)
        drawn.append(Augment(warp=Warp(shift=0.1), region=region).picture(planes))
    whole, part = drawn
    assert torch.allclose(part[:, :, 39:88, 24:72], whole[:, :, 39:88, 24:72], atol=1e-3)
    part[:, :, 39:88, 24:72] = 0
    assert not part.any()


@pytest.mark.parametrize("name", ["light", "strong"])
@pytest.mark.parametrize("side", [96, 112, 222, 224])
@pytest.mark.parametrize("model", ["syncnet", "syncnet_2016", "syncnet_v2"])
def test_but_for_the_effects_training_sees_what_measuring_sees(model, side, name):
    """Region and planes of a model's augmentation hold all that its network looks at, in clips of any size."""
    cfg = composed(f"model={model}", f"data/augment={name}")
    features = instantiate(cfg.model.net.video_features)
    effects = {"warp": None, "picture": None, "speed": None, "voices": None, "sound": None}
    frames = torch.randint(0, 256, (1, 2, side, side, 3), generator=torch.Generator().manual_seed(side))
    batch = {"frames": frames, "audio": torch.zeros(1, 1280), "key": ["a"]}
    augmented = instantiate(cfg.data.augment, **effects)(batch)["frames"]
    assert torch.allclose(features(augmented), features(frames.float()), atol=1e-3)


def test_light_is_made_of_what_it_says():
    light = choice("light")
    assert [type(effect) for effect in light.picture_effects.values()] == [Blur, Camera] and light.speed is None
