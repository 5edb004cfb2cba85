import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from avsync.alignment.distances import distance_matrix
from avsync.data.shards import ShardError
from avsync.evaluation.offsets import OffsetEvaluation
from avsync.evaluation.protocols import (
    FRAMES,
    SEARCH,
    OffsetScores,
    best_threshold,
    offset_errors,
    pair_accuracy,
    pair_distances,
)
from mouths import write_mouths


def noise(count: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, 64, generator=torch.Generator().manual_seed(seed)), dim=-1)


@pytest.mark.parametrize("true", [-10, 0, 6])
def test_perfect_embeddings_score_one_at_every_length(true):
    video = noise(150, 0)
    scores = OffsetScores()
    scores.add(distance_matrix(video, torch.roll(video, -true, dims=0), SEARCH), torch.ones(150), true)
    metrics = scores.compute()
    for k in FRAMES:
        assert metrics[f"offset_acc/k{k}"] == 1 and metrics[f"offset_mae_ms/k{k}"] == 0


def test_unrelated_embeddings_score_chance():
    scores = OffsetScores()
    for seed in range(40):
        scores.add(distance_matrix(noise(150, seed), noise(150, 1000 + seed), SEARCH), torch.ones(150), 0)
    assert scores.compute()["offset_acc/k5"] == pytest.approx(3 / 31, abs=0.02)


def test_one_frame_off_is_correct_and_two_are_not():
    video = noise(80, 0)
    matrix = distance_matrix(video, video, SEARCH)
    for true, accuracy in ((0, 1.0), (1, 1.0), (-1, 1.0), (2, 0.0)):
        scores = OffsetScores()
        scores.add(matrix, torch.ones(80), true)
        assert scores.compute()["offset_acc/k5"] == accuracy


def test_runs_whose_search_leaves_the_clip_are_not_counted():
    errors, _ = offset_errors(distance_matrix(noise(100, 0), noise(100, 1), SEARCH), torch.ones(100), 0, 5)
    assert len(errors) == 100 - 2 * SEARCH
    errors, _ = offset_errors(distance_matrix(noise(100, 0), noise(100, 1), SEARCH), torch.ones(100), 0, 15)
    assert len(errors) == 100 - 2 * SEARCH - 10


def test_silence_is_counted_apart():
    video = noise(100, 0)
    speech = (torch.arange(100) < 50).float()
    audio = video.clone()
    audio[50:] = noise(50, 9)  # in the silence nothing matches
    scores = OffsetScores()
    scores.add(distance_matrix(video, audio, SEARCH), speech, 0)
    metrics = scores.compute()
    assert metrics["offset_acc/k5"] == 1.0 > metrics["offset_acc_all/k5"]
    assert metrics["runs/k5"] < metrics["runs_all/k5"] == 70


def test_the_best_threshold_tells_what_can_be_told():
    synced, shifted = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.6, 0.7, 0.8])
    threshold = best_threshold(synced, shifted)
    assert 0.3 < threshold < 0.6 and pair_accuracy(synced, shifted, threshold) == 1.0
    assert pair_accuracy(shifted, synced, threshold) == 0.0


def test_shifted_pairs_are_beyond_the_tolerance():
    marked = torch.full((200, 31), 1.0)
    marked[:, [SEARCH + 2, SEARCH + 4]] = 0.5  # one frame from the truth at +3: never to be drawn
    marked[:, SEARCH + 3] = 0.0
    synced, shifted = pair_distances(marked, 3, torch.Generator().manual_seed(0))
    assert (synced == 0).all() and (shifted == 1).all()


def test_clips_too_short_to_search_in_are_told_and_those_of_half_a_second_passed_over(mouth_run, tmp_path):
    checkpoint = shutil.copy(mouth_run / "checkpoints" / "best.ckpt", tmp_path / "best.ckpt")
    write_mouths(tmp_path / "short", range(2), seconds=1.0)
    write_mouths(tmp_path / "shortest", range(2), seconds=0.4)
    for name in ("short", "shortest"):
        with pytest.raises(ShardError, match=f"{name}: no clip is long enough .* at least 1.8 s"):
            OffsetEvaluation(progress=False)(Path(checkpoint), tmp_path / name, tmp_path / name, tmp_path)
