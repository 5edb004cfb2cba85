"""The line between good and bad, on scores whose kinds are known."""

import math

import numpy as np
import pytest

from avsync.alignment.mixture import fit


def chance(count, seed, lift=0.0):
    """Scores of wrong pairings: the best of three neighbours, each about 0 ± 1."""
    return lift + np.random.default_rng(seed).standard_normal((count, 3)).max(axis=1)


def good(count, seed, mean=13.0):
    """Scores of clips of 2 to 10 s, some of them harder than others."""
    draw = np.random.default_rng(seed)
    return mean * np.sqrt(draw.uniform(2, 10, count) / 5) * draw.normal(1, 0.15, count)


WRONG = chance(5000, 99)


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3, 0.6, 0.9])
def test_both_kinds_are_told_apart_and_their_share_is_found(share):
    bad = round(600 * share)
    kinds = np.r_[chance(bad, 1), good(600 - bad, 2)]
    line = fit(kinds, WRONG)
    dropped = kinds < line.threshold
    assert dropped[:bad].mean() >= 0.98 and dropped[bad:].mean() <= 0.02
    assert line.share == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("mean", [5.0, 8.0, 20.0])
def test_a_clean_set_loses_next_to_nothing(mean):
    scores = good(600, 3, mean)
    assert (scores < fit(scores, WRONG).threshold).mean() <= 0.02


def test_a_weak_network_on_a_clean_set_loses_little():
    """Many clips look like chance, but not as many as chance would make."""
    scores = 3.5 + np.random.default_rng(4).standard_normal(600)
    assert (scores < fit(scores, WRONG).threshold).mean() <= 0.05


def test_a_set_of_nothing_but_bad_clips_keeps_next_to_nothing():
    scores = chance(600, 5)
    line = fit(scores, WRONG)
    assert (scores >= line.threshold).mean() <= 0.03 and line.share == pytest.approx(1, abs=0.05)


def test_bad_clips_that_were_learnt_by_heart_are_still_told():
    """Training lifted them above every wrong pairing that the network never saw."""
    kinds = np.r_[chance(180, 6, lift=2.5), good(420, 7)]
    dropped = kinds < fit(kinds, WRONG).threshold
    assert dropped[:180].mean() >= 0.9 and dropped[180:].mean() <= 0.05


def test_kinds_that_overlap_are_divided_nearly_as_well_as_can_be():
    kinds = np.r_[chance(180, 8), 4 + np.random.default_rng(9).standard_normal(420)]
    wrong = [np.r_[kinds[:180] >= t, kinds[180:] < t].mean() for t in np.linspace(0, 6, 301)]
    t = fit(kinds, WRONG).threshold
    assert np.r_[kinds[:180] >= t, kinds[180:] < t].mean() <= min(wrong) + 0.02


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_clips_is_judged_too(count):
    assert (good(count, 10) >= fit(good(count, 10), WRONG).threshold).all()
    assert not math.isnan(fit(chance(count, 11), WRONG).threshold)
