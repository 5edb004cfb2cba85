import math

import pytest
import torch
import torch.nn.functional as F

from avsync import losses


def test_contrastive_is_zero_when_pairs_lie_where_they_should():
    distance = torch.tensor([0.0, 1.0, 1.7])
    assert losses.contrastive(distance, torch.tensor([True, False, False]), margin=1.0) == 0


def test_contrastive_of_equal_distances_is_lowest_at_half_the_margin():
    synced = torch.tensor([True, False])
    at = {d: float(losses.contrastive(torch.tensor([d, d]), synced, margin=1.0)) for d in (0.3, 0.5, 0.7)}
    assert at[0.5] == pytest.approx(0.5**2 / 2)  # the documented chance value, margin² / 8
    assert at[0.5] < min(at[0.3], at[0.7])


def test_contrastive_has_no_gradient_beyond_the_margin():
    distance = torch.tensor([1.5], requires_grad=True)
    losses.contrastive(distance, torch.tensor([False]), margin=1.0).backward()
    assert distance.grad.item() == 0


@pytest.mark.parametrize("across", [False, True])
def test_matching_of_uninformative_embeddings_is_log_of_the_candidates(across):
    same = F.normalize(torch.ones(3, 20, 8), dim=-1)
    loss = losses.time_matching(same, same, torch.tensor(10.0), across=across)
    fewest, most = (18, 20) if not across else (58, 60)
    assert math.log(fewest) <= loss <= math.log(most)


def test_matching_does_not_ask_to_tell_neighbours_apart():
    """Windows one frame off are neither right nor wrong: moving them changes nothing."""
    audio = F.normalize(torch.randn(1, 9, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    audio.requires_grad_()
    video = F.normalize(torch.randn(1, 9, 16, generator=torch.Generator().manual_seed(1)), dim=-1)
    logits_loss = losses.time_matching(video[:, 4:5].expand(-1, 9, -1), audio, torch.tensor(5.0), across=False)
    logits_loss.backward()
    assert torch.isfinite(audio.grad).all()
    direct = losses.time_matching(video, video, torch.tensor(100.0), across=False)
    neighbours = video.clone()
    neighbours[:, 1:] = video[:, :-1]  # sound one frame late: as wrong as chance, or the tolerance would be trained on
    assert direct < 0.1 < losses.time_matching(video, neighbours, torch.tensor(100.0), across=False)


def test_matching_is_symmetric_in_the_streams():
    draw = torch.Generator().manual_seed(3)
    video, audio = (F.normalize(torch.randn(2, 12, 16, generator=draw), dim=-1) for _ in range(2))
    one = losses.time_matching(video, audio, torch.tensor(7.0), across=True)
    assert one == pytest.approx(float(losses.time_matching(audio, video, torch.tensor(7.0), across=True)), rel=1e-5)


@pytest.mark.parametrize("across", [False, True])
def test_windows_of_no_weight_cost_nothing(across):
    draw = torch.Generator().manual_seed(0)
    video = F.normalize(torch.randn(2, 12, 16, generator=draw), dim=-1)
    wrong = video.clone()
    wrong[:, 8:] = F.normalize(torch.randn(2, 4, 16, generator=draw), dim=-1)
    weight = (torch.arange(12) < 8).float().expand(2, -1)
    scale = torch.tensor(60.0)
    assert losses.time_matching(video, wrong, scale, across=across, weight=weight) < 0.1
    assert losses.time_matching(video, wrong, scale, across=across) > 1
    pairs = torch.tensor([0.0, 0.9]), torch.tensor([True, True])
    assert losses.contrastive(*pairs, 1.0, torch.tensor([1.0, 0.0])) == 0 < losses.contrastive(*pairs, 1.0)


def test_the_cosine_loss_of_uninformative_pairs_is_log_2_however_many_negatives():
    synced = torch.tensor([True, False, False, False])
    scale, threshold = torch.tensor(10.0), torch.tensor(0.3)
    alike = losses.cosine_entropy(torch.full((4,), 0.3), synced, scale, threshold)
    assert alike == pytest.approx(math.log(2))
    apart = losses.cosine_entropy(torch.tensor([0.5, 0.1, 0.1, 0.1]), synced, scale, threshold)
    assert apart == pytest.approx(math.log1p(math.exp(-2)))
    assert losses.cosine_entropy(torch.tensor([0.1, 0.5, 0.5, 0.5]), synced, scale, threshold) > 1


def test_the_cosine_loss_leaves_0_69_at_once():
    """Cosines that differ by 0.1 take it far below; with the cosine itself for the chance they would not."""
    cosine, synced = torch.tensor([0.55, 0.45]), torch.tensor([True, False])
    plain = torch.nn.functional.binary_cross_entropy(cosine, synced.float())
    scaled = losses.cosine_entropy(cosine, synced, torch.tensor(30.0), torch.tensor(0.5))
    assert plain > 0.59 and scaled < 0.25


def test_pairs_of_no_weight_cost_nothing_in_the_cosine_loss():
    cosine, synced = torch.tensor([1.0, -1.0, -1.0]), torch.tensor([True, False, True])
    weight = torch.tensor([1.0, 1.0, 0.0])
    assert losses.cosine_entropy(cosine, synced, torch.tensor(20.0), torch.tensor(0.0), weight) < 1e-6


def test_segments_of_one_clip_are_no_candidates_of_each_other():
    """The third segment is the first once more: as a candidate it would be as right as the right one."""
    draw = torch.Generator().manual_seed(0)
    video = F.normalize(torch.randn(3, 12, 64, generator=draw), dim=-1)
    video[2] = video[0]
    known = losses.time_matching(video, video, torch.tensor(50.0), across=True, clip=torch.tensor([0, 1, 0]))
    unknown = losses.time_matching(video, video, torch.tensor(50.0), across=True)
    assert known < 1e-3 < 0.4 < unknown
