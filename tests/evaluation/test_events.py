import numpy as np
import pytest

from avsync.evaluation.events import Line, detected, event_scores, fit_threshold, joined, matched, segments

HOP = 0.2


def planted(truth: list[tuple[float, float]], late: float = 0.0, noise: float = 0.0, seed: int = 0) -> Line:
    """Ten seconds whose cosine is 0.8 while something sounds and 0.1 elsewhere."""
    shifted = [(start + late, end + late) for start, end in truth]
    scores = np.where(segments(shifted, 50, HOP), 0.8, 0.1)
    return Line("drawn", HOP, scores + noise * np.random.default_rng(seed).standard_normal(50), truth)


def test_planted_cosines_give_every_event():
    lines = [planted([(1.0, 2.0), (6.0, 6.8)]), planted([(3.0, 5.0)])]
    scores = event_scores(lines, fit_threshold(lines))
    assert scores["segment_f1"] == scores["event_f1"] == scores["average_precision"] == 1
    assert scores["onset_error_ms"] < 1 and scores["events"] == 3
    assert scores["share"] == pytest.approx((1.0 + 0.8 + 2.0) / 20)
    assert scores["segment_f1_chance"] == pytest.approx(2 * 19 / (100 + 19))


def test_numbers_counted_by_hand():
    """A second from 1.0 s is found 0.4 s late: three of five segments, and the onset is beyond 200 ms."""
    scores = event_scores([planted([(1.0, 2.0)], late=0.4)], 0.5)
    assert scores["segment_f1"] == pytest.approx(2 * 3 / (5 + 5))
    assert scores["event_f1"] == 0 and scores["onset_error_ms"] == pytest.approx(400)
    assert event_scores([planted([(1.0, 2.0)], late=0.2)], 0.5)["event_f1"] == 1


def test_an_onset_that_is_not_found_at_all_costs_the_whole_clip():
    line = Line("drawn", HOP, np.zeros(50), [(1.0, 2.0)])
    scores = event_scores([line], 0.5)
    assert scores["onset_error_ms"] == 10_000 and scores["segment_f1"] == scores["event_f1"] == 0


def test_unrelated_cosines_rank_at_chance():
    draw = np.random.default_rng(0)
    lines = [Line("drawn", HOP, draw.uniform(0, 1, 50), [(1.0, 3.0)]) for _ in range(100)]
    scores = event_scores(lines, 0.5)
    assert scores["average_precision"] == pytest.approx(0.2, abs=0.03)
    assert event_scores(lines, fit_threshold(lines))["segment_f1"] < scores["segment_f1_chance"] + 0.02


def test_the_threshold_of_noisy_cosines_lies_between():
    lines = [planted([(1.0, 2.0), (4.0, 7.0)], noise=0.08, seed=seed) for seed in range(10)]
    assert 0.25 < fit_threshold(lines) < 0.7 and event_scores(lines, fit_threshold(lines))["segment_f1"] > 0.97
    assert fit_threshold([]) == 0


def test_each_onset_is_counted_once():
    assert matched([0.9, 1.0, 1.1], [1.0]) == 1 and matched([1.0], [0.9, 1.1]) == 1
    assert matched([0.9, 1.2], [1.0, 1.1]) == 2 and matched([5.0], [1.0]) == 0
    assert matched([1.2], [1.0]) == 1 and matched([1.201], [1.0]) == 0


def test_hits_in_a_row_are_one_event_in_truth_and_answer():
    assert joined([(1.0, 1.1), (1.35, 1.4), (2.0, 2.1)]) == [(1.0, 1.4), (2.0, 2.1)]
    scores = np.array([0, 1, 0, 1, 0, 0, 0, 1], float)
    assert detected(scores, 0.5, HOP) == [pytest.approx((0.2, 0.8)), pytest.approx((1.4, 1.6))]


def test_a_hit_shorter_than_a_segment_is_in_the_one_it_begins_in():
    assert segments([(0.42, 0.45)], 5, HOP).tolist() == [False, False, True, False, False]
