import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from avsync.models.syncnet import AudioTower, SyncNet, VideoTower


@pytest.fixture(scope="module")
def net() -> SyncNet:
    torch.manual_seed(0)
    config = OmegaConf.load("configs/model/syncnet.yaml")
    net = instantiate(OmegaConf.create({"model": {"net": config.net}}).model.net).eval()
    assert isinstance(net, SyncNet)
    return net


def test_one_embedding_a_window_of_unit_length(net):
    video = net.embed_video(torch.randint(0, 256, (2, 12, 96, 96, 3), dtype=torch.uint8))
    audio = net.embed_audio(torch.randn(2, 12 * 640))
    assert video.shape == audio.shape == (2, 8, 256)
    assert torch.allclose(video.norm(dim=-1), torch.ones(2, 8), atol=1e-5)


@pytest.mark.parametrize("window", [0, 3, 7])
def test_a_window_sees_exactly_its_five_frames(net, window):
    frames = torch.rand(1, 12, 96, 96, 3, requires_grad=True)
    (255 * frames).retain_grad()
    net.embed_video(255 * frames)[0, window].sum().backward()
    seen = frames.grad.abs().sum(dim=(0, 2, 3, 4)).nonzero().flatten().tolist()
    assert seen == list(range(window, window + 5))


@pytest.mark.parametrize("window", [0, 3, 7])
def test_a_window_sees_exactly_its_twenty_steps(net, window):
    mel = torch.rand(1, 1, 40, 48, requires_grad=True)
    net.audio_tower(mel)[0, window].sum().backward()
    seen = mel.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten().tolist()
    assert (min(seen), max(seen)) == (4 * window, 4 * window + 19)


def test_a_clip_at_once_equals_window_by_window(net):
    frames = torch.randint(0, 256, (1, 9, 96, 96, 3), dtype=torch.uint8)
    whole = net.embed_video(frames)[0]
    single = torch.cat([net.embed_video(frames[:, i : i + 5])[0] for i in range(5)])
    assert torch.allclose(whole, single, atol=1e-5)


def test_what_all_windows_of_a_stretch_have_in_common_is_not_compared(net):
    """A voice, or a face, that is near to everything tells no time: whatever is added to all changes nothing."""
    said, more = torch.nn.functional.normalize(torch.randn(2, 400, 256), dim=-1), torch.randn(256)
    assert net.centre
    alone, beside = net.centred(said), net.centred(torch.nn.functional.normalize(said + 0.01 * more, dim=-1))
    assert torch.allclose(alone, beside, atol=0.02)
    assert torch.allclose(alone.norm(dim=-1), torch.ones(2, 400), atol=1e-5)
    assert net.centred(said).mean(dim=1).norm(dim=-1).max() < 0.02 < said.mean(dim=1).norm(dim=-1).min()
    plain = SyncNet(net.video_features, net.audio_features, net.video_tower, net.audio_tower)
    assert plain.centred(said) is said


def test_windows_that_show_nothing_do_not_tell_what_a_stretch_has_in_common(net):
    """A photograph of somebody, then the same person speaks."""
    still = torch.nn.functional.normalize(torch.randn(256), dim=-1).repeat(300, 1)
    said = torch.nn.functional.normalize(torch.randn(100, 256), dim=-1)
    shown = torch.cat([torch.zeros(300), torch.ones(100)])
    both = net.centred(torch.cat([still, said])[None], shown[None])[0]
    assert torch.allclose(both[300:], net.centred(said), atol=1e-6)
    assert not torch.allclose(net.centred(torch.cat([still, said]))[300:], net.centred(said), atol=0.1)
    assert torch.equal(net.centred(said, torch.ones(100)), net.centred(said))


def test_few_windows_have_little_in_common(net):
    """A single window is compared as it is; a long stretch without its mean."""
    one = torch.nn.functional.normalize(torch.randn(1, 256), dim=-1)
    assert torch.allclose(net.centred(one), one, atol=1e-5)
    assert net.centred(one.repeat(100, 1) + 0.1 * torch.randn(100, 256)).mean(dim=0).norm() < 0.1


def test_clips_of_a_batch_do_not_see_each_other(net):
    frames = torch.randint(0, 256, (3, 8, 96, 96, 3), dtype=torch.uint8)
    alone = torch.cat([net.embed_video(clip[None]) for clip in frames])
    assert torch.allclose(net.embed_video(frames), alone, atol=1e-5)


def test_it_stays_small(net):
    """The module's text says 1.8 million parameters: a laptop's worth."""
    assert sum(parameter.numel() for parameter in net.parameters()) < 2e6


def test_towers_of_other_sizes():
    assert VideoTower((4, 8, 8), size=32, embedding=16)(torch.rand(1, 1, 6, 32, 32)).shape == (1, 2, 16)
    assert AudioTower((4, 8, 8), mels=64, embedding=16)(torch.rand(1, 1, 64, 24)).shape == (1, 2, 16)
