import math

import pytest
import torch

from avsync.alignment.turns import ABSENT, TURN, evidence, likeliest, posterior


def drawn(who: list[int], faces: int, strength: float = 0.5) -> torch.Tensor:
    """Ratios of faces that speak where ``who`` says so (faces: none) and not elsewhere."""
    truth = torch.tensor(who)[:, None] == torch.arange(faces)
    return torch.where(truth, strength, -strength)


def test_the_course_follows_the_turns():
    who = [0] * 60 + [1] * 60 + [2] * 60
    ratio = drawn(who, 2)  # 2 is none
    assert likeliest(ratio).tolist() == who
    assert (posterior(ratio).argmax(dim=1) == torch.tensor(who)).all()


def test_a_short_lapse_is_no_turn():
    ratio = drawn([0] * 60 + [1] * 4 + [0] * 60, 2)
    assert (likeliest(ratio) == 0).all()


def test_who_is_not_on_screen_does_not_speak():
    ratio = drawn([0] * 80, 2)
    ratio[40:, 0] = ABSENT
    assert (likeliest(ratio)[:40] == 0).all() and (likeliest(ratio)[40:] == 2).all()
    assert posterior(ratio)[41:, 0].max() < 1e-6


def test_chances_sum_to_one_and_without_evidence_are_alike():
    chance = posterior(torch.zeros(50, 3))
    assert torch.allclose(chance.sum(dim=1), torch.ones(50), atol=1e-5)
    assert torch.allclose(chance, torch.full_like(chance, 0.25), atol=1e-5)


def test_when_the_speaker_has_left_anybody_is_next():
    """A cut: the same places show other faces; a new turn costs nothing, but a voice of nobody goes on."""
    ratio = drawn([0] * 60 + [1] * 5, 2)
    fresh = torch.zeros(65, 2, dtype=torch.bool)
    assert likeliest(ratio, fresh)[-1] == 0
    fresh[60] = True
    assert likeliest(ratio, fresh).tolist() == [0] * 60 + [1] * 5
    assert (likeliest(drawn([2] * 60 + [1] * 4, 2), fresh[:64]) == 2).all()


def by_paths(ratio: torch.Tensor, fresh: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Evidence and posterior by every path there is, one after the other."""
    said = torch.cat([ratio, torch.zeros(len(ratio), 1)], dim=1)
    states, total = said.shape[1], 0.0
    chance = torch.zeros(said.shape)
    for path in torch.cartesian_prod(*[torch.arange(states)] * len(ratio)).tolist():
        weight = math.exp(sum(float(said[t, state]) for t, state in enumerate(path))) / states
        for t, (before, after) in enumerate(zip(path, path[1:], strict=False), 1):
            left = before < states - 1 and bool(fresh[t, before])
            usual = 1 - 1 / TURN if before == after else 1 / TURN / (states - 1)
            weight *= 1 / states if left else usual
        total += weight
        for t, state in enumerate(path):
            chance[t, state] += weight
    return math.log(total), chance / total


def test_evidence_and_chances_are_those_of_all_paths():
    ratio = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)) * 3
    fresh = torch.zeros(6, 2, dtype=torch.bool)
    fresh[3, 0] = fresh[4, 1] = True
    total, chance = by_paths(ratio, fresh)
    assert float(evidence(ratio, fresh)) == pytest.approx(total, abs=1e-4)
    assert torch.allclose(posterior(ratio, fresh), chance, atol=1e-4)


def test_evidence_of_many_models_at_once_is_that_of_each():
    ratio = torch.randn(30, 2, 5, generator=torch.Generator().manual_seed(1))
    alone = torch.stack([evidence(ratio[:, :, k]) for k in range(5)])
    assert torch.allclose(evidence(ratio), alone, atol=1e-4)
