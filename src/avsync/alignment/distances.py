"""Distances between windows of picture and windows of sound over a range of candidate offsets.

For candidate offset o (frames, positive: audio early) the sound of picture window i is sound window i - o:

    picture    . . . i . . .
    sound      . i-2 . .          o = +2: the sound is early, it lies to the left
"""

from __future__ import annotations

import torch
from torch import Tensor

WIDE = 25
"""Frames of search beyond which windows are compared all at once: ±30 s of gathered embeddings would be a gigabyte."""

BLOCK = 512
"""Windows whose sound is gathered at once, a piece of 20 s or so: that of an hour would be three gigabytes."""


def distance_matrix(video: Tensor, audio: Tensor, search: int, start: int = 0) -> Tensor:
    """Euclidean distance of every picture window to the sound at every candidate offset.

    Args:
        video: (N, D) embeddings of picture windows start...start + N - 1.
        audio: (A, D) embeddings of sound windows 0...A - 1 on the same clock.
        search: Largest offset tried, in frames.
        start: Index of the first picture window on the sound's clock.

    Returns:
        (N, 2 search + 1) for offsets -search...+search; NaN where the sound does not reach.
    """
    found = video.new_empty(len(video), 2 * search + 1)  # filled in place: parts that are kept would pin memory
    for k, (here, rows) in enumerate(zip(found.split(BLOCK), video.split(BLOCK), strict=True)):
        here[:] = _block(rows, audio, search, start + k * BLOCK)
    return found


def _block(video: Tensor, audio: Tensor, search: int, start: int) -> Tensor:
    offsets = torch.arange(-search, search + 1, device=video.device)
    index = torch.arange(len(video), device=video.device)[:, None] + start - offsets  # (N, 2 search + 1)
    reached = (index >= 0) & (index < len(audio))
    index = index.clamp(0, max(len(audio) - 1, 0))
    if search > WIDE:
        distance = _all_pairs(video, audio).gather(1, index)
    else:
        distance = (video[:, None] - audio[index]).square().sum(dim=-1).clamp(min=1e-12).sqrt()
    return distance.masked_fill(~reached, float("nan"))


def _all_pairs(video: Tensor, audio: Tensor) -> Tensor:
    """(N, A) distances as one product of matrices: ±30 s cost less so than ±1 s one by one, for a rounding error."""
    squares = video.square().sum(dim=1)[:, None] + audio.square().sum(dim=1) - 2 * video @ audio.T
    return squares.clamp(min=1e-12).sqrt()


def moving_mean(distances: Tensor, windows: int) -> Tensor:
    """Mean over each run of ``windows`` consecutive picture windows: what K = windows + 4 frames say together.

    Args:
        distances: (N, C).
        windows: 1...N.

    Returns:
        (N - windows + 1, C); NaN where any of the run is NaN.
    """
    return distances.unfold(0, windows, 1).mean(dim=-1)
