"""How well a clip's sound matches its picture, in units that mean the same for every clip and every network.

SyncNet's confidence depends on the length of the clip and on the network's scale. So a clip's curve is held against
curves that are wrong for certain: of the same face, with the sound of others.

    face's windows  x  everybody else's sound, one after the other        (N, M) distances
    every diagonal is a wrong pairing as long as the clip: M values of one curve, wrong at every point

What counts is the contrast: how far a value lies below the median of the curve around it (±search). Distances have
a level of their own for each voice and face, contrasts do not. **A score is a contrast divided by the spread of the
contrasts of wrong pairings of the same face**: about 0 ± 1 for a sound that does not belong there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.distances import distance_matrix
from avsync.alignment.offset import estimate
from avsync.data.clips import motion
from avsync.data.pairs import TOLERANCE
from avsync.data.shards import Clip
from avsync.data.speech import speech_near, speech_share
from avsync.models.syncnet import SyncNet

WRONG_WINDOWS = 2000
"""Windows of other people's sound that a face is compared with: 80 s, in which all there is to hear occurs."""
WRONG_KEPT = 24
"""Wrong pairings of each clip whose scores are kept: the distribution of thousands over a set."""


@dataclass(frozen=True)
class Embedded:
    """A clip as the network sees it, and what tells silence and photographs without a network.

    Attributes:
        key: Of the clip.
        video: (N, D), as it is compared.
        audio: (N, D), the same.
        weight: (N,) how much speech is within each window's search range, 0...1.
        told: Columns of the table: ``seconds``, ``speech`` (share of windows), ``level`` (dB, of the loud parts of the
            sound; 0 is full scale) and ``motion`` (grey levels of 255 from frame to frame, around the mouth).
    """

    key: str
    video: Tensor
    audio: Tensor
    weight: Tensor
    told: dict[str, float]


@torch.inference_mode()
def embed(clip: Clip, net: SyncNet, search: int) -> Embedded:
    """Both streams of a clip of at least one window."""
    device = next(net.parameters()).device
    sound = torch.from_numpy(clip.audio)
    share = speech_share(sound)
    energy = sound.unflatten(0, (-1, clock.SAMPLES_PER_FRAME)).square().mean(dim=1).quantile(0.95).clamp(min=1e-12)
    return Embedded(
        clip.key,
        net.centred(net.embed_video(torch.from_numpy(clip.frames)[None].to(device)))[0].cpu(),
        net.centred(net.embed_audio(sound[None].to(device)))[0].cpu(),
        speech_near(share, search),
        {
            "seconds": clock.seconds(len(clip.frames)),
            "speech": float(share.mean()),
            "level": float(10 * energy.log10()),
            "motion": motion(clip.frames),
        },
    )


def score(clip: Embedded, others: Sequence[Embedded], search: int) -> dict[str, Any]:
    """One row of the table.

    Args:
        clip: To be scored.
        others: Clips whose sound is not this one's; those without any sound are passed over.
        search: Largest offset tried, in frames.

    Returns:
        ``key``, what is told of the clip, ``distance`` (mean at offset 0), ``lowest`` (that of the curve), ``offset``
        (frames, positive when the audio is early) and ``confidence``; ``score`` of the best offset that counts as in
        sync, ``best`` that of the best offset of all; ``wrong`` and ``wrong_best``, the same of some wrong pairings.
        Without any speech, or others, there is nothing to score: NaN, and offset 0.
    """
    found = estimate(distance_matrix(clip.video, clip.audio, search), clip.weight)
    heard = [other.audio for other in others if other.weight.sum() > 0]
    row = {"key": clip.key, **clip.told}
    if found is None or not heard:
        nothing = dict.fromkeys(("distance", "lowest", "confidence", "score", "best"), float("nan"))
        return row | nothing | {"offset": 0, "wrong": [], "wrong_best": []}
    wrong = wrong_curve(clip.video, torch.cat(heard)[:WRONG_WINDOWS], clip.weight)
    starts = torch.arange(len(wrong))[:, None] + torch.arange(-search, search + 1)
    around = wrong[starts % len(wrong)]  # (M, 2 search + 1)
    contrasts = around.median(dim=1, keepdim=True).values - around
    spread = robust_spread(contrasts[:, search])
    own = (found.curve.nanmedian() - found.curve) / spread
    kept = torch.linspace(0, len(wrong) - 1, WRONG_KEPT).long()
    near = slice(search - TOLERANCE, search + TOLERANCE + 1)
    return row | {
        "distance": float(found.curve[search]),
        "lowest": float(found.curve[search + found.frames]),
        "offset": found.frames,
        "confidence": found.confidence,
        "score": float(own[near].nan_to_num(nan=-torch.inf).max()),
        "best": float(own[search + found.frames]),
        "wrong": (contrasts[kept, near].max(dim=1).values / spread).tolist(),
        "wrong_best": (contrasts[kept].max(dim=1).values / spread).tolist(),
    }


def wrong_curve(video: Tensor, sound: Tensor, weight: Tensor) -> Tensor:
    """Mean distance of a face to sound that is not its own, from every start: (N, D) and (M, D) to (M,).

    The sound goes round in a circle; the windows weigh as they do with their own sound.
    """
    index = (torch.arange(len(video))[:, None] + torch.arange(len(sound))) % len(sound)  # (N, M)
    return weight @ torch.cdist(video, sound).gather(1, index) / weight.sum()


def robust_spread(values: Tensor) -> float:
    """Standard deviation of the bulk: a few pairings may be right after all, in a set that was dubbed with itself."""
    deviation = (values - values.median()).abs().median()
    return max(1.4826 * float(deviation), 1e-6)
