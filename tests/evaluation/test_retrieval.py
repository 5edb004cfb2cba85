import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from avsync.errors import AvsyncError
from avsync.evaluation import retrieval
from avsync.evaluation.events import Events
from avsync.evaluation.localization import Localization
from avsync.evaluation.retrieval import AGGREGATIONS, Retrieval, offset_scores, ranks, retrieval_scores, similarities


def drawn(clips: int, frames: int = 6, width: int = 16, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(clips, frames, width, generator=torch.Generator().manual_seed(seed)), dim=-1)


def plain(video: torch.Tensor, audio: torch.Tensor, aggregation: str) -> torch.Tensor:
    """The definition, pair by pair."""
    rows = torch.zeros(len(video), len(audio))
    for i, j in itertools.product(range(len(video)), range(len(audio))):
        cosine = video[i] @ audio[j].T
        chosen = cosine.diagonal() if aggregation.startswith("diagonal") else cosine
        rows[i, j] = chosen.max() if aggregation.endswith("max") else chosen.mean()
    return rows


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_products_equal_the_plain_loop(aggregation, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK_ELEMENTS", 2 * 6 * 7 * 6)  # blocks of two clips, a last one of one
    video, audio = drawn(5), drawn(7, seed=1)
    assert torch.allclose(similarities(video, audio, aggregation), plain(video, audio, aggregation), atol=1e-6)


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_perfect_embeddings_are_found_first(aggregation):
    scores = retrieval_scores(drawn(40), drawn(40), aggregation)
    for way in ("video_to_audio", "audio_to_video"):
        assert scores[f"{way}/r1"] == scores[f"{way}/r5"] == scores[f"{way}/r10"] == scores[f"{way}/median_rank"] == 1


def test_unrelated_embeddings_are_at_chance():
    scores = retrieval_scores(drawn(400), drawn(400, seed=1))
    for way, k in itertools.product(("video_to_audio", "audio_to_video"), (1, 5, 10)):
        assert abs(scores[f"{way}/r{k}"] - k / 400) < 4 * math.sqrt(k / 400 / 400)
        assert 150 < scores[f"{way}/median_rank"] < 250


def test_the_directions_are_not_mixed_up():
    """Sound 0 is everybody's favourite: pictures find it, and their own only second; sounds find their own."""
    similarity = torch.tensor([[0.9, 0.1, 0.1], [0.8, 0.7, 0.1], [0.8, 0.1, 0.7]])
    assert ranks(similarity).tolist() == [1, 2, 2] and ranks(similarity.T).tolist() == [1, 1, 1]


def test_embeddings_that_are_all_alike_find_nothing():
    same = drawn(1).expand(20, -1, -1)
    for aggregation in AGGREGATIONS:
        scores = retrieval_scores(same, same, aggregation)
        assert scores["video_to_audio/r1"] == scores["audio_to_video/r10"] == 0
        assert scores["video_to_audio/median_rank"] == 20


def test_what_is_no_number_is_found_last():
    similarity = torch.eye(5)
    similarity[2] = float("nan")
    assert ranks(similarity).tolist() == [1, 1, 5, 1, 1]


def test_an_even_number_has_its_median_between_two():
    similarity = torch.tensor([[1.0, 0.0], [1.0, 0.5]])  # ranks 1 and 2
    assert retrieval.recalls(similarity)["median_rank"] == 1.5


def test_an_unknown_aggregation_is_refused_in_one_line():
    with pytest.raises(AvsyncError, match="diagonal_mean, diagonal_max, mean, max"):
        similarities(drawn(2), drawn(2), "median")


@pytest.mark.parametrize(
    ("part", "given", "words"),
    [
        (Retrieval, {"aggregation": "median"}, "expected one of diagonal_mean"),
        (Retrieval, {"beside": ["median"]}, "expected one of diagonal_mean"),
        (Localization, {"finer": 3}, "finer=3: expected a divisor of 16"),
        (Localization, {"frames": 0}, "frames=0: expected 1 or more"),
        (Events, {"hop": 0}, "hop=0 is no time"),
    ],
)
def test_parts_refuse_what_they_cannot_do_before_a_training_and_not_after(part, given, words):
    with pytest.raises(AvsyncError, match=words):
        part(**given)


def test_moments_that_agree_are_told_from_their_neighbours():
    scores = offset_scores(drawn(10, 8), drawn(10, 8))
    assert scores["window_acc"] == scores["neighbour_acc"] == scores["clip_acc"] == 1
    assert scores["chance"] == 1 / 8 and scores["clip_chance"] == 1 / 5


def test_sound_that_is_one_window_late_is_found_out():
    scores = offset_scores(drawn(10, 8), drawn(10, 8).roll(1, 1))
    assert scores["window_acc"] == scores["clip_acc"] == 0 and scores["neighbour_acc"] < 0.7


@pytest.mark.parametrize("audio", [drawn(300, 8, seed=1), drawn(300, 1, seed=1).expand(-1, 8, -1)])
def test_moments_that_tell_nothing_are_at_chance(audio):
    """Unrelated sound, and one sound for the whole clip, which is a draw."""
    scores = offset_scores(drawn(300, 8), audio)
    assert scores["window_acc"] == pytest.approx(1 / 8, abs=0.03)
    assert scores["neighbour_acc"] == pytest.approx(1 / 2, abs=0.04)
    assert scores["clip_acc"] == pytest.approx(1 / 5, abs=0.08)


def test_a_clip_of_one_frame_has_no_shifts():
    assert offset_scores(drawn(3, 1), drawn(3, 1)) == {"window_acc": 1.0, "chance": 1.0}
