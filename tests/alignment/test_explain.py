"""Offsets over time whose law is known: the simplest model that explains them is named, wild points or not."""

import numpy as np
import pytest

from avsync.alignment.clocks import known_cause
from avsync.alignment.explain import Points, explain

EVERY, ERROR = 4.0, 0.006


def drawn(law, minutes=5.0, wild=0.2, seed=0, every=EVERY) -> Points:
    """A point every 4 s; a share of them is anywhere, and looks a little less sure."""
    draw = np.random.default_rng(seed)
    time = np.arange(every / 2, minutes * 60, every)
    offset = law(time) + draw.normal(0, ERROR, len(time))
    out = draw.random(len(time)) < wild
    offset[out] = draw.uniform(-1, 1, out.sum())
    chance = np.where(out, draw.uniform(0.1, 0.7, len(time)), draw.uniform(0.4, 0.99, len(time)))
    return Points(time, offset, chance, 2.04)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("minutes", [0.1, 0.5, 5])
def test_a_constant_is_a_constant(seed, minutes):
    points = drawn(lambda t: 0 * t + 0.2, minutes, wild=0.2 if minutes > 0.1 else 0, seed=seed)
    model = explain(points, np.arange(3, 60 * minutes, 3.0))
    assert model.kind == "constant" and model.levels[0] == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("ppm", [-2000, -1000, -300, -100, 100, 300, 1000, 2000])
@pytest.mark.parametrize("seed", range(4))
def test_a_line_is_a_line_with_its_error(ppm, seed):
    model = explain(drawn(lambda t: 0.1 + ppm * 1e-6 * t, seed=seed), np.arange(3, 300, 3.0))
    assert model.kind == "linear"
    assert model.slope * 1e6 == pytest.approx(ppm, abs=4 * model.slope_error * 1e6)
    assert model.slope * 1e6 == pytest.approx(ppm, abs=30) and model.slope_error * 1e6 < 12


def test_the_stated_error_of_a_line_is_its_error():
    apart = []
    for seed in range(30):
        model = explain(drawn(lambda t: 500e-6 * t, seed=seed), [])
        apart.append((model.slope - 500e-6) / model.slope_error)
    assert 0.6 < np.std(apart) < 1.5


def test_an_hour_of_2000_ppm_goes_far_beyond_one_search():
    time = np.arange(2, 3600, 10.0)
    offset = 2e-3 * time + np.random.default_rng(0).normal(0, ERROR, len(time))
    model = explain(Points(time, offset, np.full(len(time), 0.9), 2.04), np.arange(3, 3600, 10.0))
    assert model.kind == "linear" and model.slope == pytest.approx(2e-3, abs=3e-6)


@pytest.mark.parametrize("seed", range(8))
def test_steps_at_cuts_are_found_where_they_are(seed):
    cuts = np.arange(8, 120, 8.0)

    def law(t):
        return np.where(t < 40, 0.12, np.where(t < 72, -0.2, 0.04))

    model = explain(drawn(law, 2.0, wild=0.1, seed=seed), cuts)
    assert model.kind == "steps" and model.starts[1:] == (40.0, 72.0)
    assert model.levels == pytest.approx((0.12, -0.2, 0.04), abs=0.01)


def test_the_same_steps_without_cuts_are_irregular():
    model = explain(drawn(lambda t: np.where(t < 40, 0.12, -0.2), 2.0, seed=1), [])
    assert model.kind == "irregular"


def test_waves_are_irregular():
    points = drawn(lambda t: 0.15 * np.sin(t / 12), 3.0, seed=2)
    assert explain(points, np.arange(30, 180, 30.0)).kind == "irregular"


def test_steps_too_small_to_matter_are_none():
    model = explain(drawn(lambda t: 0.012 * (t > 60), 2.0, wild=0, seed=3), [60.0])
    assert model.kind != "steps"


def test_a_single_point_is_a_constant():
    model = explain(Points(np.array([2.0]), np.array([0.3]), np.array([0.9]), 2.04), [0.0])
    assert model.kind == "constant" and model.levels == pytest.approx((0.3,), abs=0.002)


@pytest.mark.parametrize(
    ("ppm", "error", "words"),
    [(1000, 5, "23.976"), (-999, 20, "23.976"), (41667, 50, "25 against 24"), (-40000, 50, "25 against 24"),
     (700, 5, None), (100, 5, None)],
)  # fmt: skip
def test_known_mismatches_have_their_name(ppm, error, words):
    cause = known_cause(ppm, error)
    assert cause is None if words is None else words in cause
