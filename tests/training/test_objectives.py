import pytest
import torch
import torch.nn.functional as F

from avsync.training.objectives import Contrastive, TimeMatching


@pytest.mark.parametrize(
    "objective", [Contrastive(), Contrastive(across=1.0), TimeMatching(), TimeMatching(across=True)]
)
def test_matching_streams_cost_less_than_shuffled_ones(objective):
    torch.manual_seed(0)
    video = F.normalize(torch.randn(4, 20, 32), dim=-1)
    assert objective(video, video) < objective(video, video[:, torch.randperm(20)])


@pytest.mark.parametrize("objective", [Contrastive(), TimeMatching(), TimeMatching(across=True)])
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
