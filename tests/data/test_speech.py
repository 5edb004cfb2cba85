import math

import torch

from avsync.data.speech import speech_near, speech_share


def tone(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    return 0.3 * torch.sin(2 * math.pi * hertz * torch.arange(int(16_000 * seconds)) / 16_000)


def test_speech_share_tells_pauses():
    audio = torch.cat([tone(300), torch.zeros(16_000), tone(300)])
    share = speech_share(audio)
    assert len(share) == 75 - 4
    assert share[:20].min() == 1 and share[27:45].max() == 0 and share[50:].min() == 1


def test_a_window_with_silence_all_around_weighs_nothing():
    share = torch.zeros(100)
    share[:10] = 1
    near = speech_near(share, search=15)
    assert near[0] > 0.5 and near[24] > 0 and near[25:].max() == 0
