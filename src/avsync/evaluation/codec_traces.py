"""Where codecs show: statistics of crops of one stream, with what is content taken out.

Picture: shares of pixels that hardly changed and of small residuals, and edges on the 8-pixel grid. Between key frames
a codec copies what does not move, and a key frame changes every pixel.

Sound: a transform coder leaves holes in its own transform at its own blocks. So the mean of log |MDCT| is low where the
probe's blocks meet the coder's, and the place of that within a block tells when a crop starts:

    frames        |   40 ms   |   40 ms   |   40 ms   |      AAC at 44.1 kHz: 25 starts, 25 places in a block;
    blocks of AAC |23.2 ms|23.2 ms|23.2 ms|23.2 ms|23.2      at 16 or 48 kHz 8 places
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.functional import resample

from avsync import clock

BLOCK = 1024
"""Samples in a block of AAC."""
BANDS = 4


def picture_crops(frames: np.ndarray, starts: int) -> Tensor:
    """Statistics of every crop of a picture, pixel by pixel at the resolution it has.

    Args:
        frames: (T, H, W, 3) uint8; a crop lasts T - starts + 1 frames.
        starts: K.

    Returns:
        (K, D); every statistic minus what it is one frame before and after.
    """
    grey = torch.from_numpy(frames[..., 1].copy()).float()  # (T, H, W): green is most of the luma
    change = (grey[1:] - grey[:-1]).abs()
    smooth = F.avg_pool2d(grey[1:, None], 3, 1, 1, count_include_pad=False)[:, 0]
    residual = (grey[1:] - smooth).abs()
    statistics = [(change <= level).float().mean((1, 2)) for level in (0, 1, 2, 4, 8)]
    statistics += [(residual <= level).float().mean((1, 2)) for level in (0.5, 1, 2, 4, 8)]
    for picture in (grey[1:], grey[1:].transpose(1, 2)):
        edges = (picture[:, :, 1:] - picture[:, :, :-1]).abs().mean(1)
        statistics.append(edges[:, 7::8].mean(1) - edges.mean(1))
    series = torch.stack(statistics)  # (12, T - 1)
    sharp = series[:, 1:-1] - (series[:, :-2] + series[:, 2:]) / 2
    return sharp.unfold(1, sharp.shape[1] - starts + 1, 1).transpose(0, 1).flatten(1)


def sound_crops(audio: np.ndarray, starts: int, rates: Sequence[int]) -> Tensor:
    """Holes in the spectrum of every crop of a sound, by where blocks may begin.

    Args:
        audio: (640 T,) at 16 kHz; a crop lasts T - starts + 1 frames.
        starts: K.
        rates: Hz of the coders that are looked for.

    Returns:
        (K, D); for every rate and band, log |MDCT| averaged over a crop's blocks minus what it is beside.
    """
    length = len(audio) // clock.SAMPLES_PER_FRAME - starts + 1
    found = []
    for rate in rates:
        frame = rate // clock.FPS
        hop = math.gcd(frame, BLOCK)  # of one start's blocks and another's, the least distance
        waveform = resample(torch.from_numpy(audio), clock.SAMPLE_RATE, rate)
        holes = log_mdct(waveform, hop, BLOCK * clock.SAMPLE_RATE // rate)  # (positions, BANDS)
        phases, step = BLOCK // hop, frame // hop
        blocks = ((length * frame - 2 * BLOCK) // hop + 1) // phases
        crops = [holes[s * step :][: blocks * phases].unflatten(0, (blocks, phases)) for s in range(starts)]
        profile = torch.stack(crops).mean(1)  # (K, phases, BANDS)
        beside = (profile.roll(1, 1) + profile.roll(-1, 1)) / 2
        found.append((profile - beside).flatten(1))
    return torch.cat(found, dim=1)


def log_mdct(waveform: Tensor, hop: int, bins: int) -> Tensor:
    """(positions, BANDS) mean log |MDCT| of the block of 2 x 1024 samples that begins every ``hop`` samples.

    By folding and a DCT-IV, which is a complex FFT of a quarter of the length.
    """
    window = torch.sin(math.pi / (2 * BLOCK) * (torch.arange(2 * BLOCK) + 0.5))
    turn = torch.exp(-1j * math.pi / BLOCK * (torch.arange(BLOCK // 2) + 0.25))
    bands = []
    for pieces in waveform.unfold(0, 2 * BLOCK, hop).split(512):
        a, b, c, d = (pieces * window).chunk(4, 1)
        folded = torch.cat([-c.flip(1) - d, a - b.flip(1)], 1)
        spectrum = torch.fft.fft(torch.complex(folded[:, ::2], folded.flip(1)[:, ::2]) * turn) * turn
        ordered = torch.stack([spectrum.real, spectrum.imag.flip(1)], 2).flatten(1)  # 0, 1, 2, ... by frequency
        holes = (ordered[:, :bins].abs() + 1e-4).log()
        bands.append(torch.stack([band.mean(1) for band in holes.chunk(BANDS, 1)], 1))
    return torch.cat(bands)
