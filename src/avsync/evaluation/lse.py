"""LSE-D and LSE-C, the field's scores of lip synchronization (Prajwal et al., Wav2Lip, arXiv 2008.10010).

Means over videos of what SyncNet's released code calls the minimum distance and the confidence. They compare only with
what others got from the same weights, crops and rules; so the rules are that code's, with their quirks:

- the last window of a clip is dropped, since it lacks the last of its 20 feature steps;
- picture windows whose sound would lie outside the clip are compared with zeros, and counted.

    sound    0 0 0 | 0 1 2 3 ... N - 1 | 0 0 0        zeros: vectors of 0, ``SEARCH`` at either end

:mod:`avsync.alignment` leaves out what was not heard instead, and so measures short clips without that bias.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avsync.clock import SAMPLES_PER_FRAME, WINDOW_FRAMES
from avsync.data.shards import Clip
from avsync.errors import MediaError
from avsync.evaluation.protocols import SEARCH
from avsync.models.syncnet import SyncNet


@dataclass(frozen=True)
class Lse:
    """One video's.

    Attributes:
        distance: LSE-D, minimum of the curve; lower is better.
        confidence: LSE-C, median of the curve minus its minimum; higher is better.
        offset: Frames, positive when the audio is early.
        curve: (31,) mean distance for offsets -15...+15.
    """

    distance: float
    confidence: float
    offset: int
    curve: Tensor


def lse(net: SyncNet, clips: Iterable[Clip]) -> dict[str, float]:
    """``lse_d`` and ``lse_c``, means over clips, and how many there were: ``clips``."""
    scores = [lse_of_clip(net, clip.frames, clip.audio) for clip in clips]
    return {
        "lse_d": float(np.mean([score.distance for score in scores])),
        "lse_c": float(np.mean([score.confidence for score in scores])),
        "clips": len(scores),
    }


@torch.inference_mode()
def lse_of_clip(net: SyncNet, frames: np.ndarray, audio: np.ndarray) -> Lse:
    """LSE of one face crop.

    Args:
        net: The scores others report are those of ``syncnet_v2``, in evaluation mode.
        frames: (T, H, W, 3) uint8 RGB at 25 fps.
        audio: (S,) float32 in [-1, 1] at 16 kHz, from the same instant on; the longer of the two is cut.

    Raises:
        MediaError: There are fewer than 6 frames of picture and sound.
    """
    length = min(len(frames), len(audio) // SAMPLES_PER_FRAME)
    if length <= WINDOW_FRAMES:
        raise MediaError(f"LSE was asked of {length} frames with sound; it takes {WINDOW_FRAMES + 1} or more")
    device = next(net.parameters()).device
    video = net.embed_video(torch.from_numpy(frames[None, :length]).to(device))[0, :-1]
    sound = net.embed_audio(torch.from_numpy(audio[None, : length * SAMPLES_PER_FRAME]).to(device))[0, :-1]
    return lse_of_embeddings(video.cpu(), sound.cpu())


def lse_of_embeddings(video: Tensor, audio: Tensor) -> Lse:
    """LSE of (N, D) embeddings of picture and of sound, from which the last window has been dropped."""
    padded = F.pad(audio, (0, 0, SEARCH, SEARCH))
    # row k holds each picture i against padded sound i + k, which is sound i + k - 15: offset 15 - k
    mean = torch.stack([F.pairwise_distance(video, padded[k : k + len(video)]).mean() for k in range(2 * SEARCH + 1)])
    lowest = int(mean.argmin())  # the first of equals, which short clips have many of: zeros alone
    return Lse(float(mean[lowest]), float(mean.median() - mean[lowest]), SEARCH - lowest, mean.flip(0))
