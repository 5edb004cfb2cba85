"""The towers of the SyncNets that others made: VGG-M with two streams, run over a whole clip at once.

**2016** (Chung & Zisserman, "Out of time: automated lip sync in the wild", ACCV Workshops 2016): five grey mouths of
111 x 111 pixels, 13 cepstra x 20 steps, embeddings of 256. The paper says VGG-M (Chatfield et al., "Return of the devil
in the details", BMVC 2014) with other filter sizes; where it is silent, this is how we fill it in:

- a first layer of 3 x 3 pixels with stride 1 leaves of 111 the 109 pixels that VGG-M's 7 x 7 with stride 2 leaves of
  224, so that everything after it is VGG-M's: widths, strides, padding, and 6 x 6 under the first full layer;
- the sound's strides and padding are the released network's, which end in the paper's 5 x 4;
- batch normalisation after every layer but the last, as in the released network, no dropout;
- each frame is normalised (:class:`~avsync.features.video.MouthFrames`), cepstra are taken as they are;
- the margin of the loss is the one its author gives for the released network, 20.

**v2** (the weights that joonson/syncnet_python loads): colour faces of 224 x 224, embeddings of 1024, layer by layer
the released network; numbers of layers are the same too, so that its tensors find their place by name.

Both leave embeddings as long as they come and compare them by Euclidean distance.

Pictures: only the first layer looks across frames, so one pass over T frames gives what T - 4 windows give. Sound:
every convolution pads its 20 steps with zeros, which a pass over the whole clip would not; windows are cut first, then
run as one batch. In evaluation both go piece by piece, so that memory does not grow with the clip.

B clips, T frames, M = 4 T feature steps, N = T - 4 windows, D width of the embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avsync.clock import STEPS_PER_FRAME, WINDOW_FRAMES

PICTURES_AT_ONCE, SOUNDS_AT_ONCE = 16, 256
"""Windows run at once in evaluation: about 200 MB of activations each."""


class VideoTower(nn.Module):
    """Five pictures to one embedding.

    Args:
        widths: Channels of the five convolutions.
        full: Widths of the full layers before the embedding; the first looks at a map of 6 x 6.
        embedding: D.
        planes: 3 for colour, 1 for grey.
        kernel: Pixels of the first layer's filters: 7 for pictures of 224 x 224, 3 for 111 x 111.
        stride: Of the first layer: 2 and 1. Both leave 109 x 109.
    """

    def __init__(
        self,
        widths: Sequence[int],
        full: Sequence[int],
        embedding: int,
        planes: int = 3,
        kernel: int = 7,
        stride: int = 2,
    ):
        super().__init__()
        one, two, three, four, five = widths
        self.layers = nn.Sequential(
            *convolution(planes, one, (WINDOW_FRAMES, kernel, kernel), stride=(1, stride, stride)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),  # 54 x 54
            *convolution(one, two, (1, 5, 5), stride=(1, 2, 2), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),  # 13 x 13
            *convolution(two, three, (1, 3, 3), padding=(0, 1, 1)),
            *convolution(three, four, (1, 3, 3), padding=(0, 1, 1)),
            *convolution(four, five, (1, 3, 3), padding=(0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),  # 6 x 6
            *convolution(five, full[0], (1, 6, 6)),
        )
        self.head = full_layers(full, embedding)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, planes, T, H, W), uint8 or float, to (B, N, D)."""
        clips, windows = len(frames), frames.shape[2] - WINDOW_FRAMES + 1
        # statistics of a batch are those of all of it
        piece = windows if self.training else max(1, PICTURES_AT_ONCE // clips)
        maps = [
            self.layers(frames[:, :, first : first + piece + WINDOW_FRAMES - 1].float())
            for first in range(0, windows, piece)
        ]
        seen = torch.cat(maps, dim=2).flatten(2).transpose(1, 2)  # (B, N, full)
        return self.head(seen.flatten(0, 1)).unflatten(0, (clips, windows))


class AudioTower(nn.Module):
    """Thirteen cepstra x twenty steps to one embedding.

    Args:
        widths: Channels of the five convolutions.
        full: Widths of the full layers before the embedding; the first looks at a map of 5 x 4.
        embedding: D.
    """

    def __init__(self, widths: Sequence[int], full: Sequence[int], embedding: int):
        super().__init__()
        one, two, three, four, five = widths
        self.layers = nn.Sequential(
            *convolution(1, one, (3, 3), padding=(1, 1)),
            nn.Identity(),  # the released network has a layer here that does nothing
            *convolution(one, two, (3, 3), padding=(1, 1)),
            nn.MaxPool2d((3, 3), (1, 2)),  # 11 x 9
            *convolution(two, three, (3, 3), padding=(1, 1)),
            *convolution(three, four, (3, 3), padding=(1, 1)),
            *convolution(four, five, (3, 3), padding=(1, 1)),
            nn.MaxPool2d((3, 3), (2, 2)),  # 5 x 4
            *convolution(five, full[0], (5, 4)),
        )
        self.head = full_layers(full, embedding)

    def forward(self, cepstra: Tensor) -> Tensor:
        """(B, 1, 13, M) to (B, N, D)."""
        windows = cepstra.unfold(3, WINDOW_FRAMES * STEPS_PER_FRAME, STEPS_PER_FRAME)  # (B, 1, 13, N, 20)
        shape = (windows.shape[0], windows.shape[3])
        single = windows.permute(0, 3, 1, 2, 4).flatten(0, 1)  # (B N, 1, 13, 20)
        pieces = [single] if self.training else single.split(SOUNDS_AT_ONCE)
        heard = torch.cat([self.layers(piece).flatten(1) for piece in pieces])  # (B N, full)
        return self.head(heard).unflatten(0, shape)


def convolution(inputs: int, outputs: int, kernel: tuple[int, ...], **arguments: Any) -> tuple[nn.Module, ...]:
    """A convolution over pictures, or over frames of pictures for a kernel of three, batch normalisation and ReLU."""
    flat = len(kernel) == 2
    make: Any = nn.Conv2d if flat else nn.Conv3d
    normalise: Any = nn.BatchNorm2d if flat else nn.BatchNorm3d
    return make(inputs, outputs, kernel, **arguments), normalise(outputs), nn.ReLU(inplace=True)


def full_layers(widths: Sequence[int], embedding: int) -> nn.Sequential:
    """From ``widths[0]`` through the others to the embedding; the last layer is linear."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], embedding))
