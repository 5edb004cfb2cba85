"""Patches embedded by convolutions: what is hidden stays hidden, and what is visible keeps its place."""

from __future__ import annotations

import pytest
import torch

from avsync.errors import AvsyncError
from avsync.models.stem import Convolutions
from avsync.models.vit import PATCH

GRID = (3, 4)


def stem(planes: int = 3) -> Convolutions:
    torch.manual_seed(0)
    return Convolutions(planes, (4, 8, 8, 12), 16).eval()


@pytest.mark.parametrize("planes", [1, 3])
def test_one_vector_a_patch(planes):
    assert stem(planes)(torch.randn(2, 12, planes * PATCH**2), GRID).shape == (2, 12, 16)


def test_nothing_of_what_is_hidden_reaches_what_is_visible():
    patches = torch.randn(2, 12, 3 * PATCH**2, requires_grad=True)
    visible = torch.tensor([[5, 0, 6], [1, 2, 11]])
    stem().train()(patches, GRID, visible).square().sum().backward()
    touched = patches.grad.abs().sum(dim=2) > 0
    expected = torch.zeros(2, 12, dtype=torch.bool).scatter_(1, visible, True)
    assert torch.equal(touched, expected)


def test_vectors_come_in_the_order_asked_for():
    net, patches = stem(), torch.randn(1, 12, 3 * PATCH**2)
    one, other = net(patches, GRID, torch.tensor([[4, 7]])), net(patches, GRID, torch.tensor([[7, 4]]))
    assert torch.allclose(one, other.flip(1), atol=1e-6)


def test_neighbours_that_are_visible_are_seen():
    net, patches = stem(), torch.randn(1, 12, 3 * PATCH**2)
    alone, beside = net(patches, GRID, torch.tensor([[5]])), net(patches, GRID, torch.tensor([[5, 4]]))
    assert not torch.allclose(alone[0, 0], beside[0, 0], atol=1e-4)


def test_four_halvings_make_a_patch():
    with pytest.raises(AvsyncError, match="expected 4"):
        Convolutions(3, (8, 8, 8), 16)
