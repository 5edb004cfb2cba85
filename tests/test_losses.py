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


def entropy_loop(a, v, temperature, both_ways, allowed=None):
    """The contrast, one clip and one candidate at a time."""

    def cosine(one, other):
        return float(one @ other / one.norm() / other.norm()) / temperature

    def may(i, j):
        return i == j or allowed is None or bool(allowed[i, j])

    costs = []
    for i in range(len(v)):
        sounds = [math.exp(cosine(v[i], a[j])) for j in range(len(a)) if may(i, j)]
        pictures = [math.exp(cosine(v[j], a[i])) for j in range(len(v)) if may(j, i)]
        own = cosine(v[i], a[i])
        to_audio, to_video = math.log(sum(sounds)) - own, math.log(sum(pictures)) - own
        costs.append((to_audio + to_video) / 2 if both_ways else to_audio)
    return sum(costs) / len(costs)


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_the_contrast_is_that_of_a_loop(both_ways, masked):
    draw = torch.Generator().manual_seed(0)
    a, v = torch.randn(5, 8, generator=draw), torch.randn(5, 8, generator=draw)
    allowed = torch.rand(5, 5, generator=draw) < 0.5 if masked else None
    expected = entropy_loop(a, v, 0.3, both_ways, allowed)
    assert losses.info_nce(a, v, 0.3, both_ways, allowed) == pytest.approx(expected, rel=1e-4)


def test_one_way_is_from_picture_to_sound():
    pictures = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    sounds = torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
    one = losses.info_nce(sounds, pictures, 0.05, both_ways=False)
    assert one == pytest.approx(entropy_loop(sounds, pictures, 0.05, False), rel=1e-4)
    assert losses.info_nce(pictures, sounds, 0.05, both_ways=False) != pytest.approx(float(one), rel=1e-2)


def test_the_contrast_of_uninformative_embeddings_is_the_logarithm_of_the_candidates():
    same = torch.ones(6, 4)
    assert losses.info_nce(same, same, 0.05) == pytest.approx(math.log(6), rel=1e-4)


def test_the_best_place_counts():
    """A sound that is somewhere in its picture is found there, which the mean of the places does not show."""
    sounds = torch.eye(6, 8)
    pictures = torch.eye(8)[torch.randint(6, 8, (6, 9))]  # what no sound is like
    pictures[torch.arange(6), torch.randint(9, (6,))] = sounds
    assert losses.info_nce(sounds, pictures, 0.05) < 0.05
    assert losses.info_nce(sounds, pictures.mean(dim=1), 0.05) > 0.1
    assert losses.info_nce(sounds, sounds[:, None], 0.05) == pytest.approx(float(losses.info_nce(sounds, sounds, 0.05)))
    cosines = torch.rand(3, 5, 4)
    best = losses.best_place(cosines)
    assert ((best > cosines.mean(dim=1)) & (best < cosines.amax(dim=1))).all()
    assert torch.allclose(losses.best_place(cosines, 1e-4), cosines.amax(dim=1), atol=1e-3)


def test_defect_6_what_is_no_candidate_counts_for_nothing():
    """With only its own left, a picture cannot be wrong, whatever the others are."""
    draw = torch.Generator().manual_seed(0)
    a, v = torch.randn(4, 8, generator=draw), torch.randn(4, 8, generator=draw)
    assert losses.info_nce(a, v, 0.05, allowed=torch.zeros(4, 4, dtype=torch.bool)) == 0


def test_reconstruction_counts_what_was_hidden_only():
    draw = torch.Generator().manual_seed(0)
    target, mask = torch.randn(2, 4, 16, generator=draw), torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 0]])
    wrong = target + 100 * (1 - mask)[..., None]
    assert losses.masked_mse(wrong, target, mask, normalised=False) == 0
    assert losses.masked_mse(target + 2 * mask[..., None], target, mask, normalised=False) == pytest.approx(4)
    assert losses.masked_mse(target, target, torch.zeros(2, 4)) == 0


def test_normalised_reconstruction_does_not_depend_on_light_and_contrast():
    draw = torch.Generator().manual_seed(0)
    target, mask = torch.randn(2, 4, 256, generator=draw), torch.ones(2, 4)
    pred = torch.randn(2, 4, 256, generator=draw)
    one = losses.masked_mse(pred, target, mask)
    assert losses.masked_mse(pred, 7 * target - 3, mask) == pytest.approx(float(one), rel=1e-4)
    assert losses.masked_mse(torch.zeros_like(pred), target, mask) == pytest.approx(
        1, rel=0.01
    )  # the documented chance
