"""Losses: pure functions, each with its paper, shapes and an example. B clips, N windows or pairs, D width."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from avsync.data.pairs import other_clips, time_targets


def contrastive(distance: Tensor, synced: Tensor, margin: float, weight: Tensor | None = None) -> Tensor:
    """Margin loss on Euclidean distance: pull pairs in sync to 0, push the others beyond the margin.

    Chung & Zisserman, "Out of time: automated lip sync in the wild", ACCV Workshops 2016, equation 1;
    Hadsell et al., CVPR 2006. Chance, with all distances alike, is margin² / 8.

    Args:
        distance: (P,) Euclidean distances, >= 0.
        synced: (P,) bool.
        margin: In units of distance.
        weight: (P,) >= 0, how much each pair has to say; None for all alike.

    Returns:
        Scalar.

    Example:
        >>> contrastive(torch.tensor([0.0, 1.5]), torch.tensor([True, False]), margin=1.0).item()
        0.0
    """
    pull = distance.square()
    push = (margin - distance).clamp(min=0).square()
    return 0.5 * _mean(torch.where(synced, pull, push), weight)


def cosine_entropy(
    cosine: Tensor, synced: Tensor, scale: Tensor, threshold: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Binary cross-entropy of the chance that a pair is in sync, sigmoid(scale (cosine - threshold)).

    Prajwal et al., "A lip sync expert is all you need", ACM MM 2020 (Wav2Lip) and Li et al., "LatentSync", 2024, take
    the cosine itself for the chance: its slope is at most 1, and a network that cannot tell yet stays at log 2 = 0.69.
    With a scale and a threshold that are learned (Zhai et al., "Sigmoid loss for language image pre-training", ICCV
    2023) small differences of the cosine already count. Pairs in sync and pairs that are not have half of the say each,
    however many there are: chance is log 2 = 0.693.

    Args:
        cosine: (P,) in -1...1.
        synced: (P,) bool.
        scale: Scalar > 0.
        threshold: Scalar, the cosine at which the chance is a half.
        weight: (P,) >= 0, how much each pair has to say; None for all alike.

    Returns:
        Scalar.

    Example:
        >>> apart = torch.tensor([1.0, -1.0]), torch.tensor([True, False])
        >>> bool(cosine_entropy(*apart, torch.tensor(10.0), torch.tensor(0.0)) < 0.001)
        True
    """
    sign = torch.where(synced, 1.0, -1.0)
    cost = F.softplus(-sign * scale * (cosine - threshold))  # minus the logarithm of the sigmoid
    weight = torch.ones_like(cost) if weight is None else weight
    return (_mean(cost, weight * synced) + _mean(cost, weight * ~synced)) / 2


def time_matching(
    video: Tensor,
    audio: Tensor,
    scale: Tensor,
    *,
    across: bool,
    weight: Tensor | None = None,
    clip: Tensor | None = None,
) -> Tensor:
    """Multi-way matching over time: each window of picture must find its own sound among all of the clip's.

    Chung et al., "Perfect Match", ICASSP 2019, made symmetric. Windows within the tolerance of the right one are left
    out of the choice. Chance is the logarithm of the number of candidates, near log N, or log BN across clips.

    Args:
        video: (B, N, D), unit length.
        audio: (B, N, D), unit length.
        scale: Scalar > 0 that multiplies the cosine.
        across: Let the windows of the other clips of the batch be candidates too.
        weight: (B, N) >= 0, how much each window has to say: in silence there is nothing to find. None for all alike.
        clip: (B,) the same number where segments are of one clip: they may overlap and are no candidates of each other.
            None for all of different clips.

    Returns:
        Scalar.

    Example:
        >>> x = F.normalize(torch.randn(2, 8, 16), dim=-1)
        >>> bool(time_matching(x, x, torch.tensor(50.0), across=False) < 1)
        True
    """
    clips, windows, _ = video.shape
    allowed = time_targets(windows, video.device) | torch.eye(windows, dtype=torch.bool, device=video.device)
    if across:
        other = other_clips(clips, clip, video.device)
        own = torch.eye(clips, dtype=torch.bool, device=video.device)
        allowed = torch.kron(own, allowed) | torch.kron(other, torch.ones_like(allowed))
        video, audio = video.reshape(1, clips * windows, -1), audio.reshape(1, clips * windows, -1)
    logits = scale * video @ audio.transpose(1, 2)  # (B, N, N), or (1, BN, BN) across clips
    logits = logits.masked_fill(~allowed, float("-inf"))
    right = torch.arange(logits.shape[1], device=video.device).expand(logits.shape[0], -1)
    to_audio = F.cross_entropy(logits.transpose(1, 2), right, reduction="none")
    to_video = F.cross_entropy(logits, right, reduction="none")
    return _mean((to_audio + to_video).flatten() / 2, None if weight is None else weight.flatten())


def masked_mse(pred: Tensor, target: Tensor, mask: Tensor, normalised: bool = True) -> Tensor:
    """Reconstruction of hidden patches: mean squared error of their pixels.

    He et al., "Masked autoencoders are scalable vision learners", CVPR 2022. With targets normalised patch by patch,
    chance is 1, when every pixel is taken for its patch's mean.

    Args:
        pred: (N, P, pixels).
        target: (N, P, pixels).
        mask: (N, P) 1 where a patch is hidden; others do not count.
        normalised: Bring each patch of the target to zero mean and unit variance first.

    Returns:
        Scalar, 0 when nothing is hidden.

    Example:
        >>> x = torch.randn(2, 4, 256)
        >>> masked_mse(x, x, torch.ones(2, 4), normalised=False).item()
        0.0
    """
    pred, target = pred.float(), target.float()
    if normalised:
        variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
        target = (target - mean) / (variance + 1e-6).sqrt()
    return _mean((pred - target).square().mean(dim=-1), mask)


def info_nce(
    a: Tensor,
    v: Tensor,
    temperature: float | Tensor,
    both_ways: bool = True,
    allowed: Tensor | None = None,
) -> Tensor:
    """Contrast of a batch: each picture must find its own sound among all sounds.

    van den Oord et al., "Representation learning with contrastive predictive coding", 2018; CAV-MAE (Gong et al., ICLR
    2023) takes this one way, from picture to sound, at a temperature of 0.05. Chance is the logarithm of the number of
    candidates, log N.

    Args:
        a: (N, D) sounds, of any length; they are scaled to 1.
        v: (N, D) pictures, the same, or (N, K, D) places of pictures, of which the best counts (:func:`best_place`);
            row i belongs to row i of ``a``.
        temperature: > 0, what cosines are divided by.
        both_ways: Let each sound find its picture too, and take the mean of both.
        allowed: (N, N) bool, whether sound j (column) is a candidate of picture i (row), and the other way round; each
            one's own always is. None for all.

    Returns:
        Scalar.

    Example:
        >>> x = torch.eye(4)
        >>> bool(info_nce(x, x, temperature=0.05) < 0.001)
        True
    """
    a, v = F.normalize(a.float(), dim=-1), F.normalize(v.float(), dim=-1)
    with torch.autocast(v.device.type, enabled=False):  # half precision cannot tell close cosines apart
        alike = v @ a.T if v.ndim == 2 else best_place(v @ a.T)
        logits = alike / temperature  # (N, N): row i holds the sounds for picture i
    right = torch.arange(len(v), device=v.device)
    if allowed is not None:
        own = torch.eye(len(v), dtype=torch.bool, device=v.device)
        logits = logits.masked_fill(~(allowed | own), float("-inf"))
    loss = F.cross_entropy(logits, right)
    return (loss + F.cross_entropy(logits.T, right)) / 2 if both_ways else loss


def best_place(cosines: Tensor, sharpness: float = 0.1) -> Tensor:
    """How alike a picture and a sound are at the place where they are most alike, as a soft maximum.

    Arandjelović & Zisserman, "Objects that sound", ECCV 2018, take the maximum itself: a sound has to be somewhere in
    its picture, not everywhere. A soft one lets all places learn.

    Args:
        cosines: (N, K, M) of N pictures' K places with M sounds.
        sharpness: > 0, of cosines; the smaller, the nearer to the maximum.

    Returns:
        (N, M) between the mean and the maximum of each K.
    """
    return sharpness * ((cosines / sharpness).logsumexp(dim=1) - math.log(cosines.shape[1]))


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Weighted mean; 0 when nothing has any weight."""
    if weight is None:
        return values.mean()
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)
