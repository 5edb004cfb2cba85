"""The released SyncNet, layer by layer as its table has it, and its evaluation window by window, in plain loops."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from tables import tensors

STATE = tensors("""
netcnnaud.0.weight 64x1x3x3
netcnnaud.4.weight 192x64x3x3
netcnnaud.8.weight 384x192x3x3
netcnnaud.11.weight 256x384x3x3
netcnnaud.14.weight 256x256x3x3
netcnnaud.18.weight 512x256x5x4
netcnnaud.{0.bias,1.weight,1.bias,1.running_mean,1.running_var} 64
netcnnaud.{4.bias,5.weight,5.bias,5.running_mean,5.running_var} 192
netcnnaud.{8.bias,9.weight,9.bias,9.running_mean,9.running_var} 384
netcnnaud.{11.bias,12.weight,12.bias,12.running_mean,12.running_var} 256
netcnnaud.{14.bias,15.weight,15.bias,15.running_mean,15.running_var} 256
netcnnaud.{18.bias,19.weight,19.bias,19.running_mean,19.running_var} 512
netcnnaud.{1,5,9,12,15,19}.num_batches_tracked
netcnnlip.0.weight 96x3x5x7x7
netcnnlip.4.weight 256x96x1x5x5
netcnnlip.{8,11,14}.weight 256x256x1x3x3
netcnnlip.18.weight 512x256x1x6x6
netcnnlip.{0.bias,1.weight,1.bias,1.running_mean,1.running_var} 96
netcnnlip.{4,8,11,14}.bias 256
netcnnlip.{5,9,12,15}.{weight,bias,running_mean,running_var} 256
netcnnlip.{18.bias,19.weight,19.bias,19.running_mean,19.running_var} 512
netcnnlip.{1,5,9,12,15,19}.num_batches_tracked
{netfcaud,netfclip}.0.weight 512x512
{netfcaud,netfclip}.{0.bias,1.weight,1.bias,1.running_mean,1.running_var} 512
{netfcaud,netfclip}.1.num_batches_tracked
{netfcaud,netfclip}.3.weight 1024x512
{netfcaud,netfclip}.3.bias 1024
""")
"""The released file's 102 tensors."""

SIZE = 224
SHIFT = 15


def convolution(make, normalise, inputs, outputs, kernel, stride=1, padding=0) -> list[nn.Module]:
    return [make(inputs, outputs, kernel, stride, padding), normalise(outputs), nn.ReLU()]


def full(embedding: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, embedding))


class Released(nn.Module):
    """Tensors are named as in the released file."""

    def __init__(self) -> None:
        super().__init__()
        sound, lips = (nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d)
        self.netcnnaud = nn.Sequential(
            *convolution(*sound, 1, 64, 3, 1, 1),
            nn.MaxPool2d(1, 1),
            *convolution(*sound, 64, 192, 3, 1, 1),
            nn.MaxPool2d(3, (1, 2)),
            *convolution(*sound, 192, 384, 3, 1, 1),
            *convolution(*sound, 384, 256, 3, 1, 1),
            *convolution(*sound, 256, 256, 3, 1, 1),
            nn.MaxPool2d(3, 2),
            *convolution(*sound, 256, 512, (5, 4)),
        )
        self.netfcaud, self.netfclip = full(1024), full(1024)
        self.netcnnlip = nn.Sequential(
            *convolution(*lips, 3, 96, (5, 7, 7), (1, 2, 2)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *convolution(*lips, 96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *convolution(*lips, 256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *convolution(*lips, 256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *convolution(*lips, 256, 256, (1, 3, 3), 1, (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *convolution(*lips, 256, 512, (1, 6, 6)),
        )

    def sound(self, window: Tensor) -> Tensor:
        """(P, 1, 13, 20) to (P, 1024)."""
        return self.netfcaud(self.netcnnaud(window).flatten(1))

    def lips(self, window: Tensor) -> Tensor:
        """(P, 3, 5, 224, 224) to (P, 1024)."""
        return self.netfclip(self.netcnnlip(window).flatten(1))


@torch.no_grad()
def random_released(frames: np.ndarray, audio: np.ndarray, seed: int = 0) -> Released:
    """Random weights; statistics near those of a clip, so that numbers keep their size through the layers."""
    torch.manual_seed(seed)
    net = Released()
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)]
    for norm in norms:
        norm.momentum = 1.0
    lips, sound = windows(frames, audio)
    net.lips(torch.cat(lips[:8:2])), net.sound(torch.cat(sound[:8:2]))
    for norm in norms:
        norm.running_mean += 0.3 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.5, 2)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.3)
    return net.eval()


def windows(frames: np.ndarray, audio: np.ndarray) -> tuple[list[Tensor], list[Tensor]]:
    """What the released code cuts from a clip: pictures (1, 3, 5, 224, 224) and cepstra (1, 1, 13, 20)."""
    pictures = torch.from_numpy(frames[..., ::-1].astype(np.float32)).permute(3, 0, 1, 2)[None]
    cepstra = torch.from_numpy(mfcc(np.round(audio * 32768.0)).astype(np.float32))[None, None]
    last = min(len(frames), len(audio) // 640) - 5
    return (
        [pictures[:, :, i : i + 5] for i in range(last)],
        [cepstra[..., 4 * i : 4 * i + 20] for i in range(last)],
    )


@torch.no_grad()
def evaluate(net: Released, frames: np.ndarray, audio: np.ndarray) -> tuple[int, float, float, Tensor, Tensor]:
    """Offset, minimum, confidence and the embeddings of a clip."""
    lips, sound = windows(frames, audio)
    video = torch.cat([net.lips(window) for window in lips])
    voice = torch.cat([net.sound(window) for window in sound])
    return (*score(video, voice), video, voice)


def score(video: Tensor, voice: Tensor) -> tuple[int, float, float]:
    rows = []
    for i in range(len(video)):
        row = []
        for k in range(2 * SHIFT + 1):
            j = i + k - SHIFT
            other = voice[j] if 0 <= j < len(voice) else torch.zeros(voice.shape[1])
            row.append(float((video[i] - other + 1e-6).norm()))
        rows.append(row)
    mean = np.mean(rows, axis=0)
    return SHIFT - int(mean.argmin()), float(mean.min()), float(np.median(mean) - mean.min())


def mfcc(signal: np.ndarray) -> np.ndarray:
    """Cepstra (13, M) of 16 kHz samples of 16 bits, from the definition, one step, band and coefficient at a time."""
    emphasised = [signal[0]] + [signal[n] - 0.97 * signal[n - 1] for n in range(1, len(signal))]
    count = 1 + math.ceil((len(signal) - 400) / 160)
    emphasised += [0.0] * (160 * (count - 1) + 400 - len(signal))
    mel = [2595 * math.log10(1 + 8000 / 700) * k / 27 for k in range(28)]
    corner = [math.floor(513 * 700 * (10 ** (m / 2595) - 1) / 16000) for m in mel]
    columns = []
    for m in range(count):
        power = np.abs(np.fft.rfft(emphasised[160 * m : 160 * m + 400], 512)) ** 2 / 512
        logs = []
        for b in range(26):
            low, middle, high = corner[b : b + 3]
            band = sum(power[i] * (i - low) / (middle - low) for i in range(low, middle))
            band += sum(power[i] * (high - i) / (high - middle) for i in range(middle, high))
            logs.append(math.log(band or np.finfo(float).eps))
        column = [math.log(power.sum() or np.finfo(float).eps)]
        for c in range(1, 13):
            cosine = sum(value * math.cos(math.pi * c * (2 * b + 1) / 52) for b, value in enumerate(logs))
            column.append(math.sqrt(2 / 26) * cosine * (1 + 11 * math.sin(math.pi * c / 22)))
        columns.append(column)
    return np.array(columns).T
