"""Effects on the sound: waveforms (B, S) at 16 kHz to the same, one draw a clip; only ``Roll`` moves it in time."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsync.clock import SAMPLE_RATE
from avsync.data.effects.draws import chosen, symmetric, uniform
from avsync.data.pairs import other_clips

KNOTS = 7
"""Points between 50 Hz and 8 kHz, about an octave apart, through which a microphone's response is drawn."""

BROWN_DB = 44.0
"""Brown noise falls by 6 dB an octave, over 7.3 octaves from 50 Hz to 8 kHz."""


class Microphone(nn.Module):
    """Another gain, and a smooth random response without delay.

    Args:
        response: Largest rise or fall of the response, in dB.
        gain: Largest change of the level, in dB.
    """

    def __init__(self, response: float = 8.0, gain: float = 0.0):
        super().__init__()
        self.response, self.gain = response, gain

    def forward(self, audio: Tensor) -> Tensor:
        """See the module."""
        clips, length = audio.shape
        spectrum = torch.fft.rfft(audio)
        place = octaves(spectrum.shape[1], audio.device)
        decibels = self.response * (2 * torch.rand(clips, 1, KNOTS, device=audio.device) - 1)
        response = F.interpolate(decibels, 256, mode="linear", align_corners=True)[:, 0]  # (B, 256) over octaves
        response = response + self.gain * symmetric(clips, audio.device)[:, None]
        return torch.fft.irfft(spectrum * 10 ** (response[:, (place * 255).long()] / 20), n=length)


class Noise(nn.Module):
    """Noise, white to brown or with the spectrum of the clip's own sound.

    Args:
        decibels: Ratios of the clip's level to the noise's that are drawn from, in dB.
        speech: Share of clips whose noise has the spectrum of their own sound.
    """

    def __init__(self, decibels: tuple[float, float] = (12.0, 40.0), speech: float = 0.0):
        super().__init__()
        self.decibels, self.speech = decibels, speech

    def forward(self, audio: Tensor) -> Tensor:
        """See the module."""
        clips, length = audio.shape
        spectrum = torch.fft.rfft(torch.randn_like(audio))
        slope = -BROWN_DB * torch.rand(clips, 1, device=audio.device)
        shape = 10 ** (slope * octaves(spectrum.shape[1], audio.device) / 20)
        some = chosen(clips, self.speech, audio.device)
        if len(some):
            shape[some] = torch.fft.rfft(audio[some]).abs()
        return mixed(audio, torch.fft.irfft(spectrum * shape, n=length), self.decibels)


class Roll(nn.Module):
    """A little earlier or later: pictures and sounds of things far away do not come at once.

    Args:
        seconds: Largest displacement; what falls off at one end comes in at the other.
    """

    def __init__(self, seconds: float = 0.02):
        super().__init__()
        self.seconds = seconds

    def forward(self, audio: Tensor) -> Tensor:
        """See the module."""
        clips, length = audio.shape
        by = (self.seconds * SAMPLE_RATE * symmetric(clips, audio.device)).round().long()[:, None]
        return audio.gather(1, (torch.arange(length, device=audio.device) + by) % length)


class Voices(nn.Module):
    """Other voices behind the one that is seen: sounds of other clips of the batch, moved in time.

    Args:
        share: Of clips.
        decibels: Ratios of the clip's level to that of all voices together that are drawn from, in dB.
        most: Of voices; one is another speaker, many are babble.
    """

    def __init__(self, share: float = 0.3, decibels: tuple[float, float] = (3.0, 20.0), most: int = 6):
        super().__init__()
        self.share, self.decibels, self.most = share, decibels, most

    def forward(self, audio: Tensor, clip: Tensor | None = None) -> Tensor:
        """See the module; which of B segments are of one clip, ``clip`` (B,) tells: None for all of different ones."""
        clips, length = audio.shape
        others = other_clips(clips, clip, audio.device)
        some = chosen(clips, self.share, audio.device)
        some = some[others[some].any(dim=1)]
        if len(some) == 0:
            return audio
        draw = torch.rand((len(some), self.most, clips), device=audio.device)
        other = draw.masked_fill(~others[some][:, None], -1).argmax(dim=2)  # (b, most)
        turned = torch.randint(0, length, other.shape, device=audio.device)[..., None]
        at = (torch.arange(length, device=audio.device) + turned) % length
        number = torch.randint(1, self.most + 1, (len(some), 1), device=audio.device)
        heard = torch.arange(self.most, device=audio.device) < number
        voices = audio[other[..., None], at] / level(audio)[other][..., None] * heard[..., None]  # (b, most, S)
        return audio.index_copy(0, some, mixed(audio[some], voices.sum(dim=1), self.decibels))


class Music(nn.Module):
    """Something like music: notes of a scale with overtones, struck at random times and fading.

    Args:
        share: Of clips.
        decibels: Ratios of the clip's level to the music's that are drawn from, in dB.
        notes: At once, each struck again every 0.15 to 0.6 s.
    """

    def __init__(self, share: float = 0.15, decibels: tuple[float, float] = (3.0, 20.0), notes: int = 3):
        super().__init__()
        self.share, self.decibels, self.notes = share, decibels, notes

    def forward(self, audio: Tensor) -> Tensor:
        """See the module."""
        some = chosen(len(audio), self.share, audio.device)
        if len(some) == 0:
            return audio
        time = torch.arange(audio.shape[1], device=audio.device) / SAMPLE_RATE
        count = len(some) * self.notes
        every = uniform(count, 0.15, 0.6, audio.device)[:, None]
        beat = time / every + torch.rand((count, 1), device=audio.device)  # (notes, S)
        struck = beat.long()
        pitches = torch.randint(0, 24, (count, int(struck.max()) + 1), device=audio.device)
        hertz = 110 * 2 ** (pitches.gather(1, struck) / 12)
        phase = 2 * math.pi * (hertz / SAMPLE_RATE).cumsum(dim=1)
        tone = sum((phase * k).sin() / k for k in (1, 2, 3, 4)) * torch.exp(-4 * (beat - struck) * every)
        music = tone.unflatten(0, (-1, self.notes)).sum(dim=1)
        return audio.index_copy(0, some, mixed(audio[some], music, self.decibels))


def mixed(audio: Tensor, other: Tensor, decibels: tuple[float, float]) -> Tensor:
    """Both together, (B, S), at a ratio of levels drawn for each clip from ``decibels``."""
    ratio = uniform(len(audio), *decibels, audio.device)
    loud = level(audio) / level(other) * 10 ** (-ratio / 20)
    return audio + loud[:, None] * other


def level(audio: Tensor) -> Tensor:
    """(B, S) to root mean square (B,), never 0."""
    return audio.square().mean(dim=1).sqrt().clamp(min=1e-6)


def octaves(bins: int, device: torch.device) -> Tensor:
    """(bins,) where frequencies from 0 to 8 kHz lie: 0 at 50 Hz and below, 1 at 8 kHz, logarithmic."""
    hertz = torch.linspace(0, SAMPLE_RATE / 2, bins, device=device)
    return torch.log2(hertz.clamp(min=50) / 50) / math.log2(SAMPLE_RATE / 100)
