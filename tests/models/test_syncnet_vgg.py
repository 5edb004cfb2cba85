import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from avsync.models import syncnet_vgg
from avsync.models.checkpoints import build
from avsync.models.imports import SYNCNET_V2
from avsync.models.syncnet_vgg import AudioTower, VideoTower


def configured(name: str, **changes):
    config = OmegaConf.create({"model": {"net": OmegaConf.load(f"configs/model/{name}.yaml").net}})
    OmegaConf.update(config, "model.net", changes)
    return config.model.net


@pytest.fixture(scope="module")
def towers():
    """Narrow ones of the 2016 network, with random statistics."""
    torch.manual_seed(0)
    narrow = {"widths": (8, 12, 12, 12, 16), "full": (32, 24), "embedding": 20}
    both = VideoTower(**narrow, planes=1, kernel=3, stride=1), AudioTower(**narrow)
    for module in (m for tower in both for m in tower.modules()):
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    return [tower.eval() for tower in both]


@pytest.fixture(scope="module")
def mouths():
    return torch.rand(2, 1, 15, 111, 111, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def cepstra():
    return torch.randn(2, 1, 13, 60, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("at_once", [3, 1000])
def test_a_clip_at_once_equals_window_by_window(towers, mouths, cepstra, at_once, monkeypatch):
    video, audio = towers
    one_by_one = [
        torch.cat([video(mouths[:, :, i : i + 5]) for i in range(11)], dim=1),
        torch.cat([audio(cepstra[..., 4 * i : 4 * i + 20]) for i in range(11)], dim=1),
    ]
    monkeypatch.setattr(syncnet_vgg, "PICTURES_AT_ONCE", at_once)
    monkeypatch.setattr(syncnet_vgg, "SOUNDS_AT_ONCE", at_once)
    for whole, windows in zip((video(mouths), audio(cepstra)), one_by_one, strict=True):
        assert whole.shape == (2, 11, 20) and whole.std() > 1e-2
        assert torch.allclose(whole, windows, atol=1e-5)


@pytest.mark.parametrize("window", [0, 4, 10])
def test_a_window_sees_exactly_its_frames_and_steps(towers, mouths, cepstra, window):
    for tower, given, axis, first, last in (
        (towers[0], mouths, 2, window, window + 4),
        (towers[1], cepstra, 3, 4 * window, 4 * window + 19),
    ):
        given = given[:1].clone().requires_grad_()
        tower(given)[0, window].square().sum().backward()
        seen = given.grad.abs().movedim(axis, 0).flatten(1).sum(dim=1).nonzero().flatten().tolist()
        assert seen == list(range(first, last + 1))


@pytest.mark.parametrize(
    ("name", "pictures", "embedding", "millions"),
    [("syncnet_2016", (1, 1, 9, 111, 111), 256, 132.2), ("syncnet_v2", (1, 3, 9, 224, 224), 1024, 13.63)],
)
def test_the_networks_have_their_sizes(name, pictures, embedding, millions):
    with torch.device("meta"):  # no numbers, only shapes
        net = instantiate(configured(name)).eval()
        assert net.video_tower(torch.zeros(pictures)).shape == (1, 5, embedding)
        assert net.audio_tower(torch.zeros(1, 1, 13, 36)).shape == (1, 5, embedding)
    assert sum(parameter.numel() for parameter in net.parameters()) == pytest.approx(millions * 1e6, rel=0.01)


def test_embeddings_are_left_as_they_come_or_scaled():
    small = {"widths": [2, 2, 2, 2, 2], "full": [4], "embedding": 8}
    frames, sound = torch.randint(0, 256, (1, 6, 96, 96, 3), dtype=torch.uint8), torch.randn(1, 6 * 640)
    for unit in (False, True):
        config = configured("syncnet_2016", unit=unit, audio_tower=small, video_tower=small)
        net = build(OmegaConf.to_container(config, resolve=True)).eval()
        for embedded in (net.embed_video(frames), net.embed_audio(sound)):
            lengths = embedded.norm(dim=-1)
            assert torch.allclose(lengths, torch.ones(1, 2), atol=1e-5) == unit


def test_the_imported_network_is_the_configured_one():
    assert OmegaConf.to_container(configured("syncnet_v2"), resolve=True) == SYNCNET_V2.net
