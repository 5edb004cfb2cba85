import math

import pytest
import torch
import torch.nn.functional as F

from avsync.data.pairs import Hardness
from avsync.training.objectives import Contrastive, CosineEntropy, TimeMatching

EVERY = [
    Contrastive(),
    Contrastive(across=1.0),
    Contrastive(hardness=Hardness(start=1.0, end=1.0)),
    CosineEntropy(),
    CosineEntropy(hardness=Hardness()),
    TimeMatching(),
    TimeMatching(across=True),
]


@pytest.mark.parametrize("objective", EVERY)
def test_matching_streams_cost_less_than_shuffled_ones(objective):
    torch.manual_seed(0)
    video = F.normalize(torch.randn(4, 20, 32), dim=-1)
    assert objective(video, video) < objective(video, video[:, torch.randperm(20)])


@pytest.mark.parametrize("objective", [Contrastive(), CosineEntropy(), TimeMatching(), TimeMatching(across=True)])
def test_descent_aligns_two_streams(objective):
    """Free embeddings, trained by the objective alone, end in sync."""
    torch.manual_seed(0)
    streams = [torch.randn(2, 16, 16, requires_grad=True) for _ in range(2)]
    optimizer = torch.optim.Adam([*streams, *objective.parameters()], lr=0.1)
    for _ in range(150):
        loss = objective(*(F.normalize(stream, dim=-1) for stream in streams))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    video, audio = (F.normalize(stream.detach(), dim=-1) for stream in streams)
    nearest = torch.cdist(video, audio).argmin(dim=2)
    assert ((nearest - torch.arange(16)).abs() <= 1).float().mean() > 0.95


def test_a_perfect_pair_has_a_finite_gradient():
    video = F.normalize(torch.randn(2, 8, 4), dim=-1).requires_grad_()
    Contrastive()(video, video.detach().clone()).backward()
    assert torch.isfinite(video.grad).all()


@pytest.mark.parametrize("objective", EVERY)
@pytest.mark.parametrize(("clips", "windows"), [(1, 12), (4, 46)])
def test_chance_is_the_loss_of_knowing_nothing(objective, clips, windows):
    """Embeddings that say nothing: all alike, at the distance or cosine at which an objective has its lowest loss."""
    video = torch.zeros(clips, windows, 4)
    video[..., 0] = 1
    audio = video.clone()
    angle = torch.tensor(math.pi / 2 if isinstance(objective, CosineEntropy) else 2 * math.asin(0.25))
    audio[..., 0], audio[..., 1] = angle.cos(), angle.sin()  # half the margin apart, or the threshold's cosine
    assert objective(video, audio).item() == pytest.approx(objective.chance(clips, windows), rel=1e-3)


def test_negatives_come_nearer_as_training_goes_on():
    """Sounds that are right within 5 frames are told from far ones easily, and from near ones not at all."""
    centre = torch.arange(40) // 10
    stream = F.one_hot(centre, 4).float().expand(2, -1, -1)
    objective = CosineEntropy(hardness=Hardness(start=0.0, end=1.0, over=1.0, reach=3), across=0.0)
    losses = [objective(stream, stream, progress=progress).item() for progress in (0.0, 0.5, 1.0)]
    assert losses[0] < losses[1] - 0.3 < losses[2] - 0.6
