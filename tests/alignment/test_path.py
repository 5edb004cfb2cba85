"""A path through distances that are drawn: what bends is followed, what is silent is bridged, noise is not."""

import numpy as np
import pytest
import torch

from avsync.alignment.path import RUN_WINDOWS, runs, warped

SEARCH = 25


def distances(law, noise=0.3, seed=0):
    """A valley of depth 0.5 along ``law`` (frames), as wide as overlapping windows make it."""
    draw = np.random.default_rng(seed)
    offsets = np.arange(-SEARCH, SEARCH + 1)
    valley = 0.5 * np.exp(-0.5 * ((offsets[None] - law[:, None]) / 1.5) ** 2)
    return torch.from_numpy(1.2 - valley + noise * draw.standard_normal(valley.shape)).float()


@pytest.mark.parametrize("pace", [0.0, 0.002, -0.01, 0.04])
def test_the_path_follows_a_drift_and_runs_read_it_between_frames(pace):
    law = 3.3 + pace * np.arange(400)
    matrix = distances(law)
    assert np.abs(warped(matrix, torch.ones(400)) - law)[20:-20].max() <= 1.5
    found = list(runs(7, 10.0, matrix, torch.ones(400), 0, None))
    assert len(found) == round(400 / RUN_WINDOWS) and {run.track for run in found} == {7}
    for run in found:
        window = (run.time - 10.0) * 25 - 2.5
        assert run.offset * 25 == pytest.approx(3.3 + pace * window, abs=0.35)


def test_silence_is_bridged():
    law = np.full(400, -6.0)
    matrix = distances(law)
    matrix[150:260] = 1.2 + 0.3 * torch.randn(110, 51, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(400)
    weight[150:260] = 0
    assert np.abs(warped(matrix, weight) + 6).max() <= 1


def test_what_was_not_compared_is_not_taken_for_near():
    matrix = distances(np.full(60, 4.0))
    matrix[:, :20] = float("nan")
    assert np.abs(warped(matrix, torch.ones(60)) - 4).max() <= 1


def test_a_piece_shorter_than_a_run_is_one_and_a_centre_is_added():
    (run,) = runs(0, 0.0, distances(np.full(9, 2.0), noise=0.05), torch.ones(9), 40, None)
    assert run.offset * 25 == pytest.approx(42, abs=0.3) and run.chance is None
