import pytest
import torch
import torch.nn.functional as F

from avsync.alignment.chance import Chance
from avsync.alignment.distances import distance_matrix, moving_mean
from avsync.alignment.offset import Estimate, estimate, read_curve

SEARCH = 15


def embeddings(count: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(count, 32, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.parametrize("offset", [-15, -7, 0, 3, 15])
def test_sound_that_is_early_has_a_positive_offset(offset):
    video = embeddings(80)
    audio = torch.roll(video, -offset, dims=0)  # what belongs to picture i is now at i - offset: early
    found = estimate(distance_matrix(video, audio, SEARCH))
    assert found.frames == offset and found.offset == pytest.approx(offset / 25, abs=0.01)


def test_beyond_the_sound_there_is_nothing_to_compare():
    matrix = distance_matrix(embeddings(20), embeddings(20), 3)
    assert matrix[0].isnan().tolist() == [False] * 4 + [True] * 3  # audio 0 - o with o > 0 is before the start
    assert matrix[19].isnan().tolist() == [True] * 3 + [False] * 4
    assert not matrix[3:17].isnan().any()


def test_start_places_the_picture_on_the_clock_of_the_sound():
    sound = embeddings(60)
    found = estimate(distance_matrix(sound[20:40], sound, SEARCH, start=20))
    assert found.frames == 0 and not found.curve.isnan().any()


def test_windows_of_no_weight_say_nothing():
    video = embeddings(100)
    audio = torch.roll(video, -4, dims=0)
    audio[50:] = video[50:]  # the second half pulls to 0
    first_half = (torch.arange(100) < 50).float()
    matrix = distance_matrix(video, audio, SEARCH)
    assert estimate(matrix, first_half).frames == 4
    assert estimate(matrix, 1 - first_half).frames == 0
    assert estimate(matrix, torch.zeros(100)) is None


def test_an_offset_that_only_the_ends_reach_is_no_candidate():
    """A clip of 12 windows reaches ±11, but ±11 on a single window."""
    video = embeddings(12)
    audio = torch.roll(video, -9, dims=0)  # nine windows out of reach: the three left would win by their purity
    found = estimate(distance_matrix(video, audio, SEARCH))
    assert found.curve[:7].isnan().all() and found.curve[-7:].isnan().all()


def test_the_ends_of_a_short_clip_do_not_outbid_its_whole():
    """24 windows, the right offset lower by 0.8 of their spread: a plain mean, which errs more of fewer, finds 0.83."""
    right = 0
    for seed in range(200):
        distances = 1.4 + 0.15 * torch.randn(24, 51, generator=torch.Generator().manual_seed(seed))
        distances[:, 20] -= 0.12
        heard = torch.arange(24)[:, None] - (torch.arange(51) - 25)
        found = estimate(distances.masked_fill((heard < 0) | (heard >= 24), float("nan")))
        right += abs(found.frames + 5) <= 1
    assert right / 200 > 0.89


def test_offsets_that_all_windows_reach_have_their_mean():
    distances = torch.rand(24, 51, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(estimate(distances).curve, distances.mean(0), atol=1e-6)


def test_confidence_is_median_minus_minimum():
    curve = torch.tensor([1.0, 1.2, 0.9, 0.3, 1.0, 1.1, 1.3])
    found = read_curve(curve, windows=10)
    assert found.frames == 0 and found.confidence == pytest.approx(1.0 - 0.3)


@pytest.mark.parametrize("vertex", [-0.4, 0.0, 0.25])
def test_a_parabola_is_read_between_frames(vertex):
    offsets = torch.arange(-5, 6).float()
    found = read_curve((offsets - 2 - vertex) ** 2, windows=1)
    assert found.offset == pytest.approx((2 + vertex) / 25, abs=1e-5)


def test_a_minimum_at_the_edge_is_told_as_it_is():
    assert read_curve(torch.arange(7.0), windows=1).frames == -3


def test_moving_mean_averages_windows_in_a_row():
    matrix = torch.arange(12.0).reshape(4, 3)
    assert torch.equal(moving_mean(matrix, 2), (matrix[:-1] + matrix[1:]) / 2)


def answer(confidence: float, windows: float) -> Estimate:
    return Estimate(0.0, 0, confidence, torch.zeros(31), windows)


def test_the_chance_rises_with_confidence_and_with_frames():
    chance = Chance.of({"chance": {"bias": -3.0, "slope": 8.0, "growth": 1.5}})
    by_confidence = [chance(answer(c, 10)) for c in (0.0, 0.2, 0.5, 1.0, 1000.0)]
    by_frames = [chance(answer(0.3, n)) for n in (0.2, 1, 10, 100, 100_000)]
    for values in (by_confidence, by_frames):
        assert values == sorted(values) and 0 < values[0] < values[-1] <= 1
    assert chance(answer(0.375, 1)) == pytest.approx(0.5)  # one window, 5 frames: the slope alone


def test_an_answer_at_the_edge_of_the_search_is_never_likely():
    """Its curve falls towards something that was not compared."""
    chance = Chance.of({"chance": {"bias": 0.0, "slope": 8.0, "growth": 8.0}})
    falling = torch.linspace(1.5, 0.5, 31)
    inside = torch.cat([falling, falling.flip(0)[1:11]])
    gone = torch.cat([falling, torch.full((10,), float("nan"))])
    inner, edge, end = (read_curve(curve, windows=50) for curve in (inside, falling, gone))
    assert not inner.at_edge and edge.at_edge and end.at_edge
    assert chance(inner) > 0.9 and chance(edge) < 0.5 and chance(end) < 0.5


def test_windows_are_those_that_reach_the_answer():
    video = embeddings(30)
    found = estimate(distance_matrix(video, torch.roll(video, -12, dims=0), SEARCH))
    assert found.frames == 12 and found.windows == 18


def test_without_calibration_there_is_no_chance():
    assert Chance.of(None) is None and Chance.of({"threshold": 1.0}) is None
