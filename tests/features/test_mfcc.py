import numpy as np
import pytest
import torch

from avsync.features.colour import ColourFrames
from avsync.features.mfcc import Mfcc
from mouths import draw_mouth
from released import mfcc

NOISE = np.random.default_rng(0).normal(0, 0.1, 6400)
SOUNDS = {
    "buzz": draw_mouth(0, seconds=0.6).audio,
    "noise": NOISE,
    "loud beyond 16 bits": 20 * NOISE,
    "tone": 0.9 * np.sin(2 * np.pi * 440 * np.arange(6400) / 16000),
    "silence": np.zeros(3200),
    "silence, then noise": np.concatenate([np.zeros(3200), NOISE[:3200]]),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_cepstra_are_those_of_the_definition(name):
    audio = SOUNDS[name].astype(np.float32)
    expected = mfcc(np.clip(np.round(audio * 32768.0), -32768, 32767))
    found = Mfcc()(torch.from_numpy(audio)[None])
    steps = len(audio) // 160
    assert found.shape == (1, 1, 13, steps) and found.dtype == torch.float32
    assert expected.shape == (13, steps - 1)  # the last window's last step is what the library does not give
    assert np.abs(found[0, 0, :, :-1].numpy() - expected).max() < 1e-4


def test_a_piece_of_a_clip_has_the_same_cepstra():
    audio = torch.from_numpy(SOUNDS["noise"]).float()[None]
    whole, piece = Mfcc()(audio), Mfcc()(audio[:, 1280:4480])
    assert torch.allclose(whole[..., 9:26], piece[..., 1:18])  # its first lacks the sample before, its last ones end


def test_colours_are_turned_and_bytes_stay_bytes():
    frames = torch.randint(0, 256, (2, 3, 224, 224, 3), dtype=torch.uint8)
    turned = ColourFrames()(frames)
    assert turned.shape == (2, 3, 3, 224, 224) and turned.dtype == torch.uint8
    assert torch.equal(turned[1, 0, 2], frames[1, 2, ..., 2])  # blue comes first
    assert torch.equal(ColourFrames()(frames.float()), turned.float())


def test_grey_and_small_crops_become_large_and_coloured():
    grey = torch.full((1, 2, 96, 96, 1), 77.0)
    assert torch.allclose(ColourFrames()(grey), torch.full((1, 3, 2, 224, 224), 77.0))
    assert ColourFrames(32)(grey.byte()).dtype == torch.uint8
