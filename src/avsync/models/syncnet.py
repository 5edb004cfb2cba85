"""avsync's own SyncNet: two small towers that embed every 0.2 s window of a clip in one pass.

What is special about it:
- whole clips, not windows: convolutions over time are valid (unpadded), so window i sees exactly video frames
  i...i+4 and feature steps 4i...4i+19, whatever clip it is cut from;
- each picture is looked at once, for all of the five windows that it is part of: what moves is found by two
  convolutions over three pictures each, at an eighth and a sixteenth of the side, where they cost little;
- the first layer takes every 2 x 2 pixels as channels and strides: no full-size activations, which cost a CPU more
  than the arithmetic does;
- grey 48 x 48 mouths and 40 log-mel bands: 21 million multiply-adds a window (18 picture, 3.1 sound), for a CPU;
- embeddings of unit length, so a distance lies in 0...2 and a cosine is 1 - distance² / 2;
- compared relative to what the windows of a stretch have in common: a face or a voice that is near to everything, as
  a stranger's is, says nothing about time.

B clips, T frames, S = 640 T samples, M = 4 T feature steps, N = T - 4 windows, D width of the embedding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NOTHING = 5
"""Windows that say nothing are thought beside those of a stretch when its mean is taken: two windows have little in
common that is not what they say."""


class SyncNet(nn.Module):
    """Features and towers of both streams.

    Args:
        video_features: (B, T, H, W, 3) uint8 to (B, 1, T, 48, 48).
        audio_features: (B, S) to (B, 1, mels, M).
        video_tower: (B, 1, T, 48, 48) to (B, N, D).
        audio_tower: (B, 1, mels, M) to (B, N, D).
        unit: Scale embeddings to unit length; otherwise they stay as the towers give them.
        centre: Compare embeddings as :meth:`centred` gives them.

    Attributes:
        face_size: Pixels of the face crops it was made for; a video is measured on crops of this size.
    """

    def __init__(
        self,
        video_features: nn.Module,
        audio_features: nn.Module,
        video_tower: nn.Module,
        audio_tower: nn.Module,
        unit: bool = True,
        centre: bool = False,
    ):
        super().__init__()
        self.unit, self.centre = unit, centre
        self.face_size = int(video_features.face_size)  # type: ignore[arg-type]
        self.video_features, self.audio_features = video_features, audio_features
        self.video_tower, self.audio_tower = video_tower, audio_tower

    def embed_video(self, frames: Tensor) -> Tensor:
        """(B, T, H, W, 3) uint8 RGB face crops at 25 fps to (B, T - 4, D)."""
        return self._scaled(self.video_tower(self.video_features(frames)))

    def embed_audio(self, audio: Tensor) -> Tensor:
        """(B, 640 T) waveforms at 16 kHz to (B, T - 4, D)."""
        return self._scaled(self.audio_tower(self.audio_features(audio)))

    def centred(self, embeddings: Tensor, weight: Tensor | None = None) -> Tensor:
        """What is compared of one stream of a stretch: without the mean, which makes some windows near to everything.

        Suzuki et al., "Centering similarity measures to reduce hubs", EMNLP 2013. Embeddings of windows stay as they
        are whatever lies beside them; only here they depend on their stretch.

        Args:
            embeddings: (..., N, D) windows of one face, or of one sound, that follow each other.
            weight: (..., N) how much each has to say, 0...1; None for all of it. A face is not what it looks like as a
                photograph or in profile.

        Returns:
            The same shape; as they are in a network without ``centre``.
        """
        if not self.centre:
            return embeddings
        embeddings = embeddings.float()
        said = torch.ones_like(embeddings[..., :1]) if weight is None else weight[..., None]
        common = (said * embeddings).sum(dim=-2, keepdim=True) / (said.sum(dim=-2, keepdim=True) + NOTHING)
        return self._scaled(embeddings - common)

    def extra_repr(self) -> str:
        """What tells networks of the same weights apart."""
        return f"unit={self.unit}, centre={self.centre}"

    def _scaled(self, embeddings: Tensor) -> Tensor:
        return F.normalize(embeddings.float(), dim=-1) if self.unit else embeddings.float()


class VideoTower(nn.Module):
    """Five grey mouths to one embedding.

    Args:
        widths: Channels of the three stages, at a quarter, an eighth and a sixteenth of the picture's side.
        depths: Residual layers of each.
        size: Pixels of the mouth region, a multiple of 16.
        embedding: D.
        dropout: Share of features dropped before the last layer.
    """

    def __init__(
        self,
        widths: tuple[int, int, int] = (48, 96, 192),
        depths: tuple[int, int, int] = (1, 2, 1),
        size: int = 48,
        embedding: int = 256,
        dropout: float = 0.2,
    ):
        super().__init__()
        one, two, three = widths
        self.pictures = nn.ModuleList(
            [
                nn.Sequential(
                    *convolution(4, one, 5, stride=2, padding=2),
                    *(Residual(one) for _ in range(depths[0])),
                    *convolution(one, two, 3, stride=2, padding=1),
                ),
                nn.Sequential(
                    *(Residual(two) for _ in range(depths[1])),
                    *convolution(two, three, 3, stride=2, padding=1),
                ),
            ]
        )
        self.motion = nn.ModuleList([Motion(two), Motion(three)])
        self.shape = nn.Sequential(*(Residual(three) for _ in range(depths[2])))
        # channels last: a seventh faster on a CPU
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(three * (size // 16) ** 2, embedding))

    def forward(self, mouths: Tensor) -> Tensor:
        """(B, 1, T, 48, 48) to (B, N, D)."""
        clips = len(mouths)
        blocks = F.pixel_unshuffle(mouths.transpose(1, 2).flatten(0, 1), 2)  # (B T, 4, 24, 24)
        x = blocks.contiguous(memory_format=torch.channels_last)
        for pictures, motion in zip(self.pictures, self.motion, strict=True):
            x = motion(pictures(x), clips)
        return self.head(self.shape(x)).unflatten(0, (clips, -1))


class AudioTower(nn.Module):
    """Twenty log-mel steps to one embedding.

    Time kernels 5, 2 (stride 2), 3, 2 (stride 2), 3 see exactly 5 + 1 + 4 + 2 + 8 = 20 steps and advance by 4, one
    video frame. Bands are halved as often and flattened at the end.

    Args:
        widths: Channels after each of the three stages.
        mels: Bands.
        embedding: D.
        dropout: Share of features dropped before the last layer.
    """

    def __init__(self, widths: tuple[int, int, int], mels: int = 40, embedding: int = 256, dropout: float = 0.2):
        super().__init__()
        one, two, three = widths
        self.sound = nn.Sequential(
            *convolution(1, one, (5, 5), stride=(2, 1), padding=(2, 0)),
            *convolution(one, one, (3, 2), stride=(1, 2), padding=(1, 0)),
            *convolution(one, two, (3, 3), stride=(2, 1), padding=(1, 0)),
            *convolution(two, two, (3, 2), stride=(1, 2), padding=(1, 0)),
            *convolution(two, three, (3, 3), stride=(2, 1), padding=(1, 0)),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(three * -(-mels // 8), embedding)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, 1, mels, M) to (B, N, D)."""
        sound = self.sound(mel)  # (B, C, mels / 8, N)
        return self.head(self.dropout(sound.flatten(1, 2).transpose(1, 2)))


class Residual(nn.Module):
    """A 3 x 3 convolution with batch normalisation, added to its input."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        return F.relu(x + self.body(x))


class Motion(nn.Module):
    """A convolution over three pictures that follow each other, added to the middle one.

    For it, time is one side of a picture and all pixels the other; with channels last nothing is moved in memory.
    """

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, width, (3, 1), bias=False), nn.BatchNorm2d(width))

    def forward(self, pictures: Tensor, clips: int) -> Tensor:
        """(B K, C, H, W) of B clips to (B (K - 2), C, H, W)."""
        size = pictures.shape[2:]
        x = pictures.unflatten(0, (clips, -1)).permute(0, 2, 1, 3, 4).flatten(3)  # (B, C, K, H W)
        x = F.relu(x[:, :, 1:-1] + self.body(x))
        return x.unflatten(3, size).transpose(1, 2).flatten(0, 1)


def convolution(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    *,
    stride: int | tuple[int, int],
    padding: int | tuple[int, int],
) -> tuple[nn.Module, ...]:
    """A convolution without bias, batch normalisation and ReLU."""
    return (
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
