"""The chance of being right, on answers whose truth the test knows."""

import pytest
import torch
import torch.nn.functional as F

from avsync.alignment.chance import Chance
from avsync.alignment.distances import distance_matrix
from avsync.alignment.offset import Estimate
from avsync.evaluation.calibration import UNRELATED, Answers, answers, expected_error, fit_chance, reliability
from avsync.evaluation.offsets import Measured

TRUE = Chance(bias=-2.0, slope=4.0, growth=1.0)


def drawn(count: int, seed: int, unit: float = 1.0) -> Answers:
    """Answers that are right as often as ``TRUE`` says; distances are counted in ``unit``."""
    generator = torch.Generator().manual_seed(seed)
    confidence = torch.rand(count, generator=generator)
    windows = 1 + 100 * torch.rand(count, generator=generator) ** 2
    found = [Estimate(0.0, 0, float(c), torch.zeros(31), float(n)) for c, n in zip(confidence, windows, strict=True)]
    right = torch.tensor([TRUE(run) for run in found]) > torch.rand(count, generator=generator)
    scaled = [Estimate(0.0, 0, unit * run.confidence, run.curve, run.windows) for run in found]
    return Answers(scaled, right.float(), torch.ones(count, dtype=torch.float64))


@pytest.mark.parametrize("unit", [1.0, 20.0])
def test_the_stated_chance_is_the_share_that_is_right_whatever_the_unit_of_distance(unit):
    chance = fit_chance(drawn(4000, 0, unit))
    fitted = torch.tensor([chance.bias, unit * chance.slope, unit * chance.growth])
    assert torch.allclose(fitted, torch.tensor([TRUE.bias, TRUE.slope, TRUE.growth]), atol=0.5)
    bins = reliability(chance, drawn(4000, 1, unit))
    assert len(bins) >= 8 and sum(row.weight for row in bins) == pytest.approx(1)
    assert all(abs(row.stated - row.observed) < 0.06 for row in bins if row.weight > 0.02)
    assert expected_error(bins) < 0.03


def test_a_chance_that_boasts_is_found_out():
    boaster = Chance(bias=4.0, slope=0.0, growth=0.0)
    (row,) = reliability(boaster, drawn(2000, 0))
    assert expected_error([row]) == pytest.approx(row.stated - row.observed) and row.stated - row.observed > 0.1


def test_confidence_that_misleads_is_not_believed():
    """More confidence where the answer is wrong: the slope stays at 0 rather than below."""
    given = drawn(1000, 0)
    chance = fit_chance(Answers(given.found, 1 - given.right, given.weight))
    assert 0 <= chance.slope < 0.1 and 0 <= chance.growth < 0.1


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_what_never_varies_is_still_no_certainty(right):
    given = drawn(20, 0)
    chance = fit_chance(Answers(given.found, torch.full((20,), right), given.weight))
    assert all(abs(chance(run) - right) < 0.1 and 0 < chance(run) < 1 for run in given.found)


def test_no_answers_at_all_leave_it_open():
    nothing = Answers([], torch.zeros(0), torch.zeros(0, dtype=torch.float64))
    assert fit_chance(nothing)(drawn(1, 0).found[0]) == pytest.approx(0.5, abs=0.5)
    assert expected_error(reliability(TRUE, nothing)) == 0


def clips(noise: float, count: int, seed: int) -> list[Measured]:
    """Clips of 100 windows whose sound is their picture with noise, shifted by two frames."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for number in range(count):
        video = F.normalize(torch.randn(100, 32, generator=generator), dim=-1)
        audio = F.normalize(video + noise * torch.randn(100, 32, generator=generator) / 32**0.5, dim=-1).roll(-2, 0)
        matrix = distance_matrix(video, audio, 15)
        made.append(Measured(str(number), 2, matrix, torch.ones(100), video, audio))
    return made


def test_clips_that_were_never_seen_are_right_as_often_as_stated():
    chance = fit_chance(answers(clips(3.0, 40, 0)))
    tried = answers(clips(3.0, 40, 1))
    assert expected_error(reliability(chance, tried)) < 0.05
    own = tried.weight > tried.weight.min()
    assert 0.1 < float(tried.right[own].mean()) < 0.95  # neither hopeless nor easy


def test_sound_of_others_counts_as_one_in_twenty_and_is_never_right():
    given = answers(clips(0.5, 4, 0))
    whole = [clip for clip in range(len(given.found)) if given.found[clip].windows > 80]
    weight, right = given.weight[whole], given.right[whole]
    assert len(whole) == 4 * 4 and right.sum() == 4
    assert float(weight[right == 0].sum() / weight.sum()) == pytest.approx(UNRELATED)
    chance = fit_chance(given)
    assert all((chance(given.found[run]) > 0.5) == bool(given.right[run]) for run in whole)


def test_a_single_clip_has_no_other():
    assert answers(clips(0.5, 1, 0)).right.mean() > 0.9
