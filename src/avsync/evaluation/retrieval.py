"""Retrieval: the picture of a clip finds its own sound among all clips' sounds, and the other way round.

**Similarity** of clip i's picture with clip j's sound, from the cosines c of F frames with F stretches of sound
(CAV-MAE Sync, CVPR 2025; the paper's is ``diagonal_mean``):

    diagonal_mean   mean of c(k, k) over k             one product of vectors of F x D
    diagonal_max    largest c(k, k)                    F products
    mean            mean of all F x F of them          one product of the clips' mean vectors
    max             largest of all F x F               F x F products, in blocks

**R@k** is the share of clips whose own counterpart is among the k most similar; chance is k / N. A clip that is as
similar as the right one counts as more similar: embeddings that are all alike score 0 and not 1.

**Offset** tells whether embeddings know the moment and not only the clip, see :func:`offset_scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from avsync.data.shards import OpenClip
from avsync.errors import AvsyncError
from avsync.evaluation.embeddings import Found, Row, Split
from avsync.evaluation.scene_pages import retrieved, sized

if TYPE_CHECKING:
    from avsync.models.cav_mae import CavMae

AGGREGATIONS = ("diagonal_mean", "diagonal_max", "mean", "max")
TIE = 1e-6
"""Cosines that differ by less are equal: a sum of a thousand products is rounded by so much."""
BLOCK_ELEMENTS = 1 << 24
"""Cosines that the largest of all are taken from at once: 64 MiB."""


def similarities(video: Tensor, audio: Tensor, aggregation: str = "diagonal_mean") -> Tensor:
    """How similar every clip's picture is to every clip's sound.

    Args:
        video: (N, F, D), unit length.
        audio: (M, F, D), unit length.
        aggregation: One of ``AGGREGATIONS``.

    Returns:
        (N, M) in -1...1.

    Raises:
        AvsyncError: The aggregation is not known.

    Example:
        >>> x = torch.nn.functional.normalize(torch.randn(5, 4, 8), dim=-1)
        >>> similarities(x, x).diagonal().allclose(torch.ones(5))
        True
    """
    frames = video.shape[1]
    if aggregation == "diagonal_mean":
        return video.flatten(1) @ audio.flatten(1).T / frames
    if aggregation == "mean":
        return video.mean(1) @ audio.mean(1).T
    if aggregation == "diagonal_max":
        best = video[:, 0] @ audio[:, 0].T
        for k in range(1, frames):
            torch.maximum(best, video[:, k] @ audio[:, k].T, out=best)
        return best
    if aggregation == "max":
        return _largest(video, audio)
    raise _unknown(aggregation)


def _unknown(aggregation: str) -> AvsyncError:
    return AvsyncError(f"aggregation={aggregation} is not known; expected one of {', '.join(AGGREGATIONS)}")


def _largest(video: Tensor, audio: Tensor) -> Tensor:
    sounds, found = audio.flatten(0, 1).T, []
    clips = max(1, BLOCK_ELEMENTS // (video.shape[1] * sounds.shape[1]))
    for block in video.split(clips):
        cosines = block.flatten(0, 1) @ sounds  # (clips F, M F)
        found.append(cosines.unflatten(1, (len(audio), -1)).amax(2).unflatten(0, (len(block), -1)).amax(1))
    return torch.cat(found)


def ranks(similarity: Tensor) -> Tensor:
    """Rank of the right answer of every query, 1 is best; whatever is as similar as the right one comes before it.

    Args:
        similarity: (N, N), the right ones on the diagonal.

    Returns:
        (N,) in 1...N.
    """
    worse = similarity < similarity.diagonal()[:, None] - TIE  # what is no number is found last
    return len(similarity) - worse.sum(1)


def recalls(similarity: Tensor, at: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """``r1``, ``r5``, ``r10`` in 0...1, and ``median_rank``, of (N, N) similarities."""
    found = ranks(similarity).numpy()
    return {f"r{k}": float((found <= k).mean()) for k in at} | {"median_rank": float(np.median(found))}


def retrieval_scores(video: Tensor, audio: Tensor, aggregation: str = "diagonal_mean") -> dict[str, float]:
    """:func:`recalls` in both directions, ``video_to_audio/r1`` ... ``audio_to_video/median_rank``."""
    similarity = similarities(video, audio, aggregation)
    directions = {"video_to_audio": similarity, "audio_to_video": similarity.T}
    return {f"{way}/{name}": value for way, rows in directions.items() for name, value in recalls(rows).items()}


def credit(scores: Tensor, right: Tensor) -> Tensor:
    """The chance that the right one is picked when the pick is among those with the highest score.

    Neighbouring frames at the end of a clip share their sound, which is then no error and no merit.

    Args:
        scores: (..., K).
        right: (...) index of the right one.

    Returns:
        (...) in 0...1.
    """
    best = scores >= scores.amax(-1, keepdim=True) - TIE
    return best.gather(-1, right[..., None])[..., 0].double() / best.sum(-1)


def offset_scores(video: Tensor, audio: Tensor) -> dict[str, float]:
    """How well the moment is told inside a clip.

    Args:
        video: (N, F, D), unit length.
        audio: (N, F, D), unit length.

    Returns:
        ``window_acc``: a frame finds its own stretch of sound among the F of its clip, chance 1 / F.
        ``neighbour_acc``: it prefers its own to the one before and to the one after, chance 1/2.
        ``clip_acc``: the sound of the whole clip is shifted by up to a quarter of its frames both ways and is most
        similar to the picture where it was, averaged over the frames that have all shifts; ``clip_chance``.
        ``chance`` of ``window_acc``. Ties count as a draw, :func:`credit`.
    """
    count, frames = video.shape[:2]
    cosine = video @ audio.transpose(1, 2)  # (N, F, F): a row for every frame of picture
    own = torch.arange(frames).expand(count, -1)
    found = {"window_acc": float(credit(cosine, own).mean()), "chance": 1 / frames}
    if frames > 1:
        own = cosine.diagonal(dim1=1, dim2=2)
        others = [(own[:, :-1], cosine.diagonal(1, 1, 2)), (own[:, 1:], cosine.diagonal(-1, 1, 2))]
        pairs = torch.cat([torch.stack(pair, -1) for pair in others], 1)  # (N, 2 F - 2, 2)
        found["neighbour_acc"] = float(credit(pairs, torch.zeros(pairs.shape[:2], dtype=torch.long)).mean())
    reach = frames // 4
    if reach:
        inner = torch.arange(reach, frames - reach)
        shifted = torch.stack([cosine[:, inner, inner + shift].mean(1) for shift in range(-reach, reach + 1)], 1)
        found["clip_acc"] = float(credit(shifted, torch.full((count,), reach)).mean())
        found["clip_chance"] = 1 / (2 * reach + 1)
    return found


class Retrieval:
    """Recall in both directions for one aggregation, and for the others beside it; offset inside the clips.

    Args:
        aggregation: The one that ``retrieval/video_to_audio/r1`` and so on are of.
        beside: Others, ``retrieval/mean/video_to_audio/r1`` and so on.
    """

    name = "retrieval"
    splits = ("test",)

    def __init__(self, aggregation: str = "diagonal_mean", beside: Sequence[str] = ("diagonal_max", "mean", "max")):
        for name in (aggregation, *beside):
            if name not in AGGREGATIONS:
                raise _unknown(name)
        self.aggregation, self.beside = aggregation, [name for name in beside if name != aggregation]

    def look(self, net: CavMae, clip: OpenClip) -> np.ndarray:
        """The middle frame, small."""
        return sized(clip.frames[len(clip.frames) // 2])

    def __call__(self, net: CavMae, splits: Mapping[str, Split]) -> Found:
        """Measure on ``test``."""
        test = splits["test"]
        scores = retrieval_scores(test.video, test.audio, self.aggregation)
        for name in self.beside:
            found = retrieval_scores(test.video, test.audio, name)
            scores |= {f"{name}/{metric}": value for metric, value in found.items()}
        moments = offset_scores(test.video, test.audio)
        metrics = {f"retrieval/{name}": value for name, value in scores.items()} | {"retrieval/clips": len(test.keys)}
        metrics |= {f"offset/{name}": value for name, value in moments.items()}
        similarity = similarities(test.video, test.audio, self.aggregation)
        page = retrieved(similarity, test.looks[self.name], test.keys)
        return Found(metrics, self._rows(scores, moments, len(test.keys)), page=page)

    @staticmethod
    def _rows(scores: dict[str, float], moments: dict[str, float], clips: int) -> list[Row]:
        rows = []
        for way, said in (("video_to_audio", "sound found by picture"), ("audio_to_video", "picture found by sound")):
            for k in (1, 5, 10):
                rows.append(Row(f"{said}, R@{k}", f"{scores[f'{way}/r{k}']:.3f}", f"{min(1, k / clips):.3f}"))
            rows.append(Row(f"{said}, median rank", f"{scores[f'{way}/median_rank']:.1f}", f"{(clips + 1) / 2:.1f}"))
        rows.append(Row("own moment's sound in the clip", f"{moments['window_acc']:.3f}", f"{moments['chance']:.3f}"))
        if "clip_acc" in moments:
            rows.append(Row("clip's own shift", f"{moments['clip_acc']:.3f}", f"{moments['clip_chance']:.3f}"))
        return rows
