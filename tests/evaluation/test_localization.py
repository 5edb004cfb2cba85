import numpy as np
import pytest
import torch

from avsync.evaluation.localization import (
    Heat,
    fit_threshold,
    heat_map,
    iou,
    localization_scores,
    pointing,
    soft_iou,
)
from avsync.evaluation.scene_pages import middle, outline

MASK = torch.tensor([[True, True], [False, False]])


def planted(heat: torch.Tensor, mask: torch.Tensor) -> Heat:
    side = mask.shape[0]
    return Heat("drawn", 0.0, np.zeros((side, side, 3), np.uint8), mask, heat)


def disc(x: float, y: float, radius: float, side: int = 32) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return ((columns / side - x) ** 2 + (rows / side - y) ** 2).sqrt() < radius


def test_overlap_is_what_one_counts_by_hand():
    assert iou(torch.tensor([[True, False], [True, False]]), MASK) == pytest.approx(1 / 3)
    assert iou(MASK, MASK) == 1 and iou(~MASK, MASK) == 0
    # least sums 0.75 + 0.5, greatest 1 + 1 + 0.25
    assert soft_iou(torch.tensor([[0.75, 0.5], [0.25, 0.0]]), MASK) == pytest.approx(1.25 / 2.25)
    assert soft_iou(MASK.float(), MASK) == 1


def test_the_highest_value_points_and_several_share():
    assert pointing(torch.tensor([[0.1, 0.9], [0.2, 0.3]]), MASK) == 1
    assert pointing(torch.tensor([[0.1, 0.2], [0.9, 0.3]]), MASK) == 0
    assert pointing(torch.tensor([[0.9, 0.2], [0.9, 0.3]]), MASK) == 0.5


def test_a_planted_map_is_found():
    mask = disc(0.7, 0.3, 0.2)
    scores = localization_scores([planted(mask.float() - 0.5, mask)], 0.5)
    for name in ("pointing", "piou", "iou", "iou_half", "ciou"):
        assert scores[name] == 1, name
    assert scores["pointing_chance"] == pytest.approx(float(mask.double().mean())) and scores["frames"] == 1
    assert scores["pointing_middle"] == 0


def test_a_map_of_the_rest_of_the_picture_fails():
    mask = disc(0.7, 0.3, 0.2)
    scores = localization_scores([planted(1 - mask.float(), mask)], 0.5)
    assert scores["pointing"] == scores["piou"] == scores["iou"] == scores["ciou"] == 0


def test_noise_points_inside_as_often_as_the_mask_is_large():
    draw = torch.Generator().manual_seed(0)
    heats = [planted(torch.rand(32, 32, generator=draw), disc(0.4, 0.5, 0.3)) for _ in range(300)]
    scores = localization_scores(heats, 0.5)
    assert abs(scores["pointing"] - scores["pointing_chance"]) < 0.08
    assert scores["ciou"] == 0 and scores["pointing_middle"] == 1


def test_a_flat_map_points_nowhere():
    mask = disc(0.4, 0.5, 0.3)
    scores = localization_scores([planted(torch.full((32, 32), 0.3), mask)], 0.5)
    assert scores["pointing"] == pytest.approx(scores["pointing_chance"]) and scores["piou"] == 0


def test_the_threshold_is_where_the_map_is_as_large_as_the_mask():
    """A cone of height 1 and radius 0.5 over a disc of radius 0.2 is 0.6 high at the disc's edge."""
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    cone = 1 - 2 * ((columns / 64 - 0.5) ** 2 + (rows / 64 - 0.5) ** 2).sqrt().clamp(max=0.5)
    heats = [planted(cone, disc(0.5, 0.5, 0.2, 64))]
    assert fit_threshold(heats) == pytest.approx(0.6, abs=0.051)
    assert localization_scores(heats, 0.6)["iou"] > 0.9 > 0.5 > localization_scores(heats, 0.1)["iou"]
    assert fit_threshold([]) == 0.5


def test_the_patch_that_is_like_the_sound_is_hot():
    token, patches = torch.tensor([0.0, 2.0, 0.0]), torch.zeros(4, 4, 3)
    patches[..., 0] = 1
    patches[1, 2] = torch.tensor([0.0, 5.0, 0.0])  # lengths do not matter
    heat = heat_map(token, patches, (32, 32))
    row, column = divmod(int(heat.argmax()), 32)
    assert 8 <= row < 16 and 16 <= column < 24
    assert float(heat.max()) <= 1 and float(heat[-1, 0]) == pytest.approx(0, abs=1e-6)


def test_another_sound_tells_whether_the_network_listens():
    mask = disc(0.7, 0.3, 0.2)
    heats = [
        Heat("drawn", 0.0, np.zeros((32, 32, 3), np.uint8), mask, mask.float(), map) for map in (None, 1 - mask.float())
    ]
    scores = localization_scores(heats, 0.5)
    assert scores["pointing"] == 1 and scores["pointing_other"] == 0


def test_only_what_the_network_sees_is_judged():
    wide = np.arange(4 * 6).reshape(4, 6)
    assert middle(wide).tolist() == wide[:, 1:5].tolist() and middle(wide.T).shape == (4, 4)


def test_the_outline_of_a_square_is_its_border():
    square = np.zeros((6, 6), bool)
    square[1:5, 1:5] = True
    assert outline(square).sum() == 12 and not outline(square)[2:4, 2:4].any()
    assert not outline(np.ones((4, 4), bool)).any()
