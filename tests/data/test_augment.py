import pytest
import torch

from avsync.data.augment import Augment


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (4, 6, 32, 32, 3), generator=draw, dtype=torch.uint8)
    return {"frames": frames, "audio": torch.randn(4, 6 * 640, generator=draw) * 0.1, "key": list("abcd")}


@pytest.mark.parametrize(("colour", "planes"), [(False, 1), (True, 3)])
def test_shapes_and_range(batch, colour, planes):
    out = Augment(colour=colour)(batch)
    assert out["frames"].shape == (4, 6, 32, 32, planes) and out["audio"].shape == batch["audio"].shape
    assert 0 <= out["frames"].min() and out["frames"].max() <= 255 and out["key"] == batch["key"]


def test_nothing_asked_nothing_changed(batch):
    still = Augment(0, 0, 0, 0, 0, 0, None, 0, colour=True)
    torch.manual_seed(0)
    out = still(batch)
    same = out["frames"] - batch["frames"].float()
    mirrored = out["frames"] - batch["frames"].float().flip(3)
    for clip in range(4):  # each clip may still be mirrored
        assert min(same[clip].abs().max(), mirrored[clip].abs().max()) < 0.5
    assert torch.allclose(out["audio"], batch["audio"], atol=1e-5)


def test_a_still_picture_stays_still(batch):
    """One draw a clip: augmentation that moved from frame to frame would look like speech."""
    batch["frames"] = batch["frames"][:, :1].expand(-1, 6, -1, -1, -1)
    out = Augment(grain=0)(batch)["frames"]
    assert (out - out[:, :1]).abs().max() < 1e-3


def test_noise_has_the_ratio_asked_for(batch):
    torch.manual_seed(0)
    out = Augment(noise_db=(10.0, 10.0), response_db=0)(batch)["audio"]
    ratio = batch["audio"].square().mean(1) / (out - batch["audio"]).square().mean(1)
    assert torch.allclose(10 * ratio.log10(), torch.full((4,), 10.0), atol=0.1)


def test_a_region_is_what_it_would_be_in_the_whole_and_the_rest_is_black():
    frames = torch.randint(0, 256, (2, 3, 96, 96, 3), dtype=torch.uint8)
    plain = {"shift": 0.1, "grain": 0.0, "blur": 0.0, "light": 0.0}
    torch.manual_seed(0)
    whole = Augment(**plain).picture(frames)
    torch.manual_seed(0)
    part = Augment(**plain, region=(0.41, 0.25, 0.5)).picture(frames)
    assert torch.allclose(part[:, :, 39:87, 24:72], whole[:, :, 39:87, 24:72], atol=1e-3)
    part[:, :, 39:87, 24:72] = 0
    assert not part.any()


def test_the_default_region_is_what_the_network_looks_at():
    from avsync.features.video import MouthFrames

    frames = torch.randint(0, 256, (1, 3, 96, 96, 1)).float()
    hidden = frames.clone()
    rows, columns = Augment(region=(0.41, 0.25, 0.5))._seen(96, 96)
    hidden[:, :, rows, columns] = 0
    outside = frames - hidden
    assert torch.equal(MouthFrames()(frames), MouthFrames()(outside))
