import pytest
import torch
import torchaudio

from avsync.errors import AvsyncError
from avsync.features.fbank import Fbank
from avsync.features.picture import MEAN, STD, Picture


def kaldi(audio: torch.Tensor) -> torch.Tensor:
    """One clip, as CAV-MAE's loader makes its features."""
    bands = torchaudio.compliance.kaldi.fbank(
        (audio - audio.mean())[None], htk_compat=True, sample_frequency=16_000, use_energy=False,
        window_type="hanning", num_mel_bins=128, dither=0.0, frame_shift=10,
    )  # fmt: skip
    return (bands + 5.081) / 4.4849


@pytest.mark.parametrize("samples", [400, 16_000, 160_000])
def test_it_is_kaldis_filter_bank(samples):
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(2, samples, generator=draw) * torch.tensor([[0.3], [0.001]]) + 0.1
    tone = torch.sin(torch.arange(samples) * 0.7)[None].expand(1, -1)
    audio = torch.cat([noise, 0.2 * tone * (torch.arange(samples) % 8000 < 4000)])
    bands = Fbank()(audio)
    assert bands.shape == (3, 1 + (samples - 400) // 160, 128)
    for ours, clip in zip(bands, audio, strict=True):
        assert torch.allclose(ours, kaldi(clip), atol=1e-4)


def test_silence_is_as_told_and_too_little_is_filled_up():
    features = Fbank()
    assert (features(torch.zeros(2, 1600)) == features.silence).all()
    assert features(torch.randn(2, 100)).shape == (2, 1, 128)


@pytest.mark.parametrize("frames", [1, 5])
def test_stretches_are_cut_from_what_the_whole_gives(frames):
    torch.manual_seed(0)
    audio, features = 0.1 * torch.randn(3, 16_000) + 0.05, Fbank(40)
    whole = features(audio)
    assert whole.shape[1] == features.count(16_000) == 98 and features.count(100) == 1
    first = torch.randint(0, 98 - 32 + 1, (3, frames))
    first[0, 0], first[1, 0] = 0, 98 - 32
    cut = features.cut(audio, first, 32)  # of one stretch a clip a third is computed, of five all is
    for clip, starts in enumerate(first.tolist()):
        for number, start in enumerate(starts):
            assert torch.allclose(cut[clip, number], whole[clip, start : start + 32], atol=1e-3)


def test_a_clip_filled_up_as_the_released_networks_heard_it():
    """Their loader adds rows of 0 to the logarithms, then normalises all."""
    audio, features = 0.1 * torch.randn(1, 160_000), Fbank(whole=1024)
    expected = torch.cat([kaldi(audio[0]), torch.full((26, 128), 5.081 / 4.4849)])
    assert torch.allclose(features(audio)[0], expected, atol=1e-4)
    assert features.count(160_000) == 1024 and features.count(200_000) == 1248
    assert torch.allclose(features.cut(audio, torch.tensor([[608]]), 416)[0, 0], expected[608:], atol=1e-4)


def test_half_precision_around_it_changes_nothing():
    audio = 0.1 * torch.randn(1, 16_000)
    with torch.autocast("cpu", torch.bfloat16):
        half = Fbank()(audio)
    assert half.dtype == torch.float32 and torch.equal(half, Fbank()(audio))


def test_pictures_are_normalised_and_shown_as_they_were():
    frames = torch.randint(0, 256, (2, 3, 64, 64, 3), dtype=torch.uint8)
    features = Picture(64)
    pictures = features(frames)
    assert pictures.shape == (2, 3, 3, 64, 64)
    expected = (frames[1, 2, 5, 7] / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    assert torch.allclose(pictures[1, 2, :, 5, 7], expected, atol=1e-5)
    assert torch.equal(features.shown(pictures), frames)


def test_what_changed_is_seen_beside_the_picture():
    """The planes behind the picture's are 0 where it stands still, and tell by how much it grew brighter elsewhere."""
    now, features = torch.full((2, 64, 64, 3), 120, dtype=torch.uint8), Picture(64, before=2)
    earlier = now.clone()
    earlier[1, 10:20, 30:40] = 20
    seen = features(torch.cat([now, earlier], dim=-1))
    assert features.planes == seen.shape[1] == 6 and torch.equal(seen[:, :3], Picture(64)(now))
    change = 2 * 100 / (255 * torch.tensor(STD))
    assert torch.allclose(seen[1, 3:, 15, 35], change, atol=1e-4)
    assert seen[0, 3:].abs().max() == 0 and seen[1, 3:].ne(0).sum() == 3 * 10 * 10
    assert torch.equal(features.shown(seen), now)


@pytest.mark.parametrize(("features", "planes"), [(Picture(64), 6), (Picture(64, before=1), 3)])
def test_pictures_with_and_without_a_past_are_told_apart(features, planes):
    with pytest.raises(AvsyncError, match=f"have {planes} planes.*give data.before={features.before}"):
        features(torch.zeros(1, 64, 64, planes))


@pytest.mark.parametrize(("height", "width"), [(64, 90), (90, 64), (37, 41), (128, 300)])
def test_the_middle_of_other_pictures_is_seen(height, width):
    frames = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    side = min(height, width)
    frames[:, height // 2 - side // 4 : height // 2 + side // 4, width // 2 - side // 4 : width // 2 + side // 4] = 200
    seen = Picture(64).shown(Picture(64)(frames))[0, ..., 0].float()
    assert seen.shape == (64, 64)
    assert seen[32, 32] == 200 and seen[4, 32] == seen[32, 4] == seen[60, 32] == seen[32, 60] == 0
    assert (seen > 100).sum() == pytest.approx(32 * 32, rel=0.15)
