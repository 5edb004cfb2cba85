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
