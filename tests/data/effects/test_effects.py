"""No effect moves anything in time: a flash stays in its frame, a click at its sample, loudness where it was."""

import pytest
import torch

from avsync.data.effects.codec import HOP, Codec, lapped_cosines
from avsync.data.effects.compression import Compression, cosines
from avsync.data.effects.picture import Blur, Camera, Occlusion, SideLight, Warp
from avsync.data.effects.reverberation import Reverberation
from avsync.data.effects.sound import Microphone, Music, Noise, Voices
from avsync.data.effects.speed import Speed

CLIPS, STEPS, SIDE = 8, 25, 36
SAMPLES = 640 * STEPS

PICTURE = {
    "blur": Blur(share=1.0),
    "side light": SideLight(strength=0.6, negative=0.5),
    "camera": Camera(gamma=0.5, grain=10.0),
    "occlusion": Occlusion(share=1.0, size=0.6, speed=0.5),
    "compression": Compression(share=1.0, step=(40.0, 40.0)),
}
SOUND = {
    "microphone": Microphone(response=10.0, gain=10.0),
    "noise": Noise(decibels=(3.0, 10.0)),
    "noise like speech": Noise(decibels=(3.0, 10.0), speech=1.0),
    "voices": Voices(share=1.0, decibels=(3.0, 3.0)),
    "music": Music(share=1.0, decibels=(3.0, 3.0)),
    "reverberation": Reverberation(share=1.0, direct=(2.0, 2.0)),
    "codec": Codec(share=1.0, quality=(0.0, 0.0), cutoff=(3400.0, 3400.0)),
}
OFF = {
    "blur": Blur(share=0.0),
    "side light": SideLight(strength=0.0, negative=0.0),
    "camera": Camera(gamma=0.0, grain=0.0),
    "occlusion": Occlusion(share=0.0),
    "compression": Compression(share=0.0),
    "microphone": Microphone(response=0.0, gain=0.0),
    "noise": Noise(decibels=(200.0, 200.0)),
    "voices": Voices(share=0.0),
    "music": Music(share=0.0),
    "reverberation": Reverberation(share=0.0),
    "codec": Codec(share=0.0),
}


def flashing(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Dim pictures, all of them alike, with one bright frame in each clip, and which."""
    draw = torch.Generator().manual_seed(seed)
    planes = (40 * torch.rand(CLIPS, 1, 1, SIDE, SIDE, generator=draw)).repeat(1, STEPS, 1, 1, 1)
    at = torch.randint(3, STEPS - 3, (CLIPS,), generator=draw)
    planes[torch.arange(CLIPS), at] += 180
    return planes, at


def talking(seed: int = 0) -> torch.Tensor:
    """Noise whose loudness is drawn anew every 80 ms."""
    draw = torch.Generator().manual_seed(seed)
    loud = torch.rand(CLIPS, 1, STEPS // 2 + 1, generator=draw) ** 2
    loud = torch.nn.functional.interpolate(loud, SAMPLES, mode="linear", align_corners=True)[:, 0]
    return 0.3 * loud * torch.randn(CLIPS, SAMPLES, generator=draw)


def envelope(audio: torch.Tensor) -> torch.Tensor:
    """Loudness every 10 ms, relative to its mean."""
    loud = audio.unflatten(1, (-1, 160)).square().mean(dim=2).sqrt()
    return loud - loud.mean(dim=1, keepdim=True)


def lag(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Steps by which ``other`` is later, where the two agree best."""
    size = 2 * one.shape[1]
    agreement = torch.fft.irfft(torch.fft.rfft(other, size) * torch.fft.rfft(one, size).conj(), size)
    found = agreement.argmax(dim=1)
    return torch.where(found > size // 2, found - size, found)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", PICTURE)
def test_a_flash_stays_in_its_frame(name, seed):
    torch.manual_seed(seed)
    planes, at = flashing(seed)
    out = PICTURE[name](planes.clone())
    change = (out - out.median(dim=1, keepdim=True).values).abs().mean(dim=(2, 3, 4))
    assert torch.equal(change.argmax(dim=1), at) and 0 <= out.min() and out.max() <= 255


@pytest.mark.parametrize("seed", range(5))
def test_a_flash_stays_in_its_frame_when_the_picture_is_warped(seed):
    torch.manual_seed(seed)
    planes, at = flashing(seed)
    out = Warp(shift=0.1, scale=0.2, rotation=20, shear=0.2)(planes, slice(10, 30), slice(5, 25))
    assert torch.equal(out.mean(dim=(2, 3, 4)).argmax(dim=1), at)
    assert torch.allclose(out[:, 1], out[:, 2], atol=1e-3) or (at <= 2).any()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", SOUND)
def test_a_click_and_loudness_stay_where_they_were(name, seed):
    torch.manual_seed(seed)
    audio = talking(seed)
    assert (lag(envelope(audio), envelope(SOUND[name](audio))).abs() <= 1).all()  # 10 ms
    clicks = 0.01 * torch.randn(CLIPS, SAMPLES)
    at = torch.randint(4000, SAMPLES - 4000, (CLIPS,))
    clicks[torch.arange(CLIPS), at] = 1.0
    found = SOUND[name](clicks).abs().argmax(dim=1)
    if name not in ("voices", "music"):  # which have louder moments of their own
        assert (found - at).abs().max() <= 16  # 1 ms


@pytest.mark.parametrize("name", OFF)
def test_off_changes_nothing(name):
    given = flashing()[0] if name in PICTURE else talking()
    assert torch.allclose(OFF[name](given.clone()), given, atol=1e-3 if name in PICTURE else 1e-6)


@pytest.mark.parametrize("name", [*PICTURE, *SOUND])
def test_on_changes_something_and_a_seed_gives_it_again(name):
    effect, given = (PICTURE[name], flashing()[0]) if name in PICTURE else (SOUND[name], talking())
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(effect(given.clone()))
    assert torch.equal(*drawn) and not torch.allclose(drawn[0], given, atol=1e-3)


@pytest.mark.parametrize("name", ["voices", "music", "noise like speech"])
def test_what_is_mixed_in_has_the_ratio_asked_for(name):
    audio = talking()
    added = SOUND[name](audio) - audio
    ratio = 10 * (audio.square().mean(dim=1) / added.square().mean(dim=1)).log10()
    low, high = SOUND[name].decibels
    assert (low - 0.1 <= ratio).all() and (ratio <= high + 0.1).all()


def test_a_single_clip_has_no_other_voices():
    audio = talking()
    assert torch.equal(SOUND["voices"](audio[:1]), audio[:1])
    assert torch.equal(SOUND["voices"](audio, torch.zeros(CLIPS)), audio)


def test_other_voices_are_those_of_other_clips():
    """Each clip has a tone of its own, so every voice that comes in tells whose it is."""
    clip = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3])
    hertz = 400 * (1 + clip)
    tones = (2 * torch.pi * hertz[:, None] * torch.arange(SAMPLES) / 16000).sin()
    heard = torch.zeros(CLIPS, 4)
    for seed in range(20):
        torch.manual_seed(seed)
        spectrum = torch.fft.rfft(SOUND["voices"](tones, clip) - tones).abs()
        heard += spectrum[:, 400 * torch.arange(1, 5) * SAMPLES // 16000]
    own = torch.nn.functional.one_hot(clip, 4).bool()
    assert heard[own].max() < 1e-3 * heard[~own].min()


def test_transforms_give_back_what_went_in():
    assert torch.allclose(cosines(8) @ cosines(8).T, torch.eye(8), atol=1e-6)
    fine = Codec(share=1.0, quality=(90.0, 90.0), cutoff=(8000.0, 8000.0))
    audio = talking()[:, : SAMPLES - 100]  # no whole number of blocks
    left = (fine(audio) - audio).square().mean() / audio.square().mean()
    assert 10 * left.log10() < -30 and lapped_cosines(HOP).shape == (2 * HOP, HOP)
    planes = flashing()[0]
    assert (Compression(share=1.0, step=(0.01, 0.01))(planes.clone()) - planes).abs().max() < 0.1


def test_a_room_fades_and_begins_with_the_sound_itself():
    torch.manual_seed(0)
    response = Reverberation(share=1.0)._responses(50, torch.device("cpu"))
    assert (response[:, 0] == 1).all() and (response.abs().argmax(dim=1) == 0).all()
    energy = response.square().unflatten(1, (7, -1)).sum(dim=2)
    assert (energy[:, 0] > 10 * energy[:, -1]).all()


@pytest.mark.parametrize("seed", range(8))
def test_speed_keeps_flash_and_click_together(seed):
    """A flash and a click at the same moment come out at the same moment, in clips of every speed."""
    torch.manual_seed(seed)
    planes, at = flashing(seed)
    planes = (planes - planes.median(dim=1, keepdim=True).values).clamp(min=0)
    audio = torch.zeros(CLIPS, SAMPLES)
    middle = 640 * at + 320
    audio[torch.arange(CLIPS), middle] = 1.0
    speech = torch.rand(CLIPS, STEPS - 4)
    pictures, sound, said = Speed(most=0.15, share=0.8)(planes, audio, speech)
    length = int(STEPS / 1.15)
    assert pictures.shape[1] == length and sound.shape[1] == 640 * length and said.shape[1] == length - 4
    for frames, wave in zip(pictures.mean(dim=(2, 3, 4)), sound, strict=True):
        click = wave.abs()
        if click.max() < 0.1 or frames[1:-1].max() < 100:
            continue  # cut off
        flash = float((frames * (torch.arange(length) + 0.5)).sum() / frames.sum())
        assert abs(flash - float(click.argmax()) / 640) < 0.25  # frames: 10 ms


def test_speed_off_only_cuts():
    torch.manual_seed(0)
    planes, audio, speech = flashing()[0], talking(), torch.rand(CLIPS, STEPS - 4)
    pictures, sound, _ = Speed(most=0.25, share=0.0)(planes, audio, speech)
    for clip in range(CLIPS):
        first = next(k for k in range(6) if torch.equal(sound[clip], audio[clip, 640 * k : 640 * (k + 20)]))
        assert torch.equal(pictures[clip], planes[clip, first : first + 20])
    same = Speed(most=0.0)(planes, audio, speech)
    assert all(torch.equal(*pair) for pair in zip(same, (planes, audio, speech), strict=True))
