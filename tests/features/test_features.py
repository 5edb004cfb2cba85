import math

import pytest
import torch

from avsync.features.audio import LogMel
from avsync.features.video import MouthFrames


def tone(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    return 0.3 * torch.sin(2 * math.pi * hertz * torch.arange(int(16_000 * seconds)) / 16_000)


def test_four_steps_a_frame():
    assert LogMel(mels=40)(torch.randn(2, 640 * 7)).shape == (2, 1, 40, 28)


def band(hertz: float, features: LogMel) -> int:
    """The band that a tone is loudest in, between stretches of noise."""
    noise = 0.05 * torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    mel = features(torch.cat([noise, tone(hertz), noise])[None])[0, 0]
    return int(mel[:, 120:180].mean(dim=1).argmax())


def test_a_higher_tone_is_in_a_higher_band():
    bands = [band(hertz, LogMel()) for hertz in (200, 800, 3000)]
    assert bands == sorted(set(bands))


def test_a_microphone_changes_little():
    """Noise that changes its colour, as it is and through a filter that falls by 12 dB towards high frequencies."""
    draw = torch.Generator().manual_seed(0)
    audio = torch.randn(1, 32_000, generator=draw).cumsum(1) * 0.02 + torch.randn(1, 32_000, generator=draw)
    audio = audio * (1 + torch.sin(torch.arange(32_000) / 800))
    dull = torch.nn.functional.pad(audio, (1, 0))
    dull = 0.625 * dull[:, 1:] + 0.375 * dull[:, :-1]
    features = LogMel()
    assert (features(audio) - features(dull)).abs().mean() < 0.02
    assert features(audio).abs().mean() > 0.1


def test_vocal_tracts_differ_in_training_only():
    torch.manual_seed(0)
    features = LogMel(tract=0.2)
    bands = {band(2000, features) for _ in range(10)}
    assert max(bands) - min(bands) >= 3
    features.eval()
    assert {band(2000, features) for _ in range(3)} == {band(2000, LogMel())}


def test_a_click_is_in_the_step_that_holds_it():
    audio = torch.zeros(1, 16_000)
    audio[0, 160 * 37 + 80] = 1.0  # the middle of step 37
    mel = LogMel()(audio)[0, 0]
    assert int(mel.mean(dim=0).argmax()) == 37


def test_gain_changes_nothing():
    audio = torch.randn(1, 16_000) * torch.linspace(0.01, 1, 16_000)
    assert torch.allclose(LogMel()(audio), LogMel()(audio * 0.05), atol=1e-3)


def test_silence_is_finite():
    assert torch.isfinite(LogMel()(torch.zeros(1, 6400))).all()


def test_the_mouth_region_is_cut_where_it_says():
    frames = torch.zeros(1, 2, 96, 96, 3, dtype=torch.uint8)
    frames[:, :, 39:87, 24:72] = torch.randint(1, 255, (48, 48, 1), dtype=torch.uint8)
    mouth = MouthFrames()(frames)
    assert mouth.shape == (1, 1, 2, 48, 48)
    outside = frames.clone()
    outside[:, :, :39] = 255
    outside[:, :, :, 72:] = 255
    assert torch.equal(mouth, MouthFrames()(outside))


def test_light_changes_little_and_grey_equals_colour():
    frames = torch.randint(40, 160, (1, 3, 96, 96, 1)).float()
    features = MouthFrames()
    assert torch.allclose(features(frames), features(frames.expand(-1, -1, -1, -1, 3)), atol=1e-4)
    assert (features(frames) - features(1.5 * frames + 10)).abs().max() < 0.2


@pytest.mark.parametrize("size", [112, 224])
def test_other_crops_are_resized(size):
    frames = torch.randint(0, 256, (1, 1, 96, 96, 3), dtype=torch.uint8).float()
    smooth = torch.nn.functional.avg_pool2d(frames[0].permute(0, 3, 1, 2), 9, 1, 4)
    large = torch.nn.functional.interpolate(smooth, (size, size), mode="bilinear", align_corners=False)
    features = MouthFrames()
    one, other = (features(image.permute(0, 2, 3, 1)[None]) for image in (smooth, large))
    assert one.shape == other.shape == (1, 1, 1, 48, 48)
    assert (one - other).abs().mean() < 0.1


def test_crops_of_another_size_pass_in_half_precision():
    frames = torch.randint(0, 256, (1, 2, 128, 128, 3), dtype=torch.uint8)
    with torch.autocast("cpu", torch.bfloat16):
        half = MouthFrames()(frames)
    assert torch.equal(half, MouthFrames()(frames))
