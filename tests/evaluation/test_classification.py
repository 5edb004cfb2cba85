from pathlib import Path

import pytest
import torch

from avsync.evaluation.classification import Classification, class_scores, fit_probe, multi_hot, pooled
from avsync.evaluation.embeddings import Split
from avsync.evaluation.finetuning import FineTuning
from avsync.models import checkpoints
from flashes import write_flashes, write_network

KINDS = ["bell", "drum", "siren"]


def drawn(clips: int, seed: int, several: bool = False, apart: float = 1.0) -> Split:
    """A kind is a direction of the sound's embeddings; pictures tell nothing."""
    generator = torch.Generator().manual_seed(seed)
    targets = (
        torch.rand(clips, 3, generator=generator) < 0.5 if several else torch.eye(3).bool()[torch.arange(clips) % 3]
    )
    labels = [[kind for kind, has in zip(KINDS, row, strict=True) if has] for row in targets]
    audio = 0.3 * torch.randn(clips, 4, 8, generator=generator)
    audio[..., :3] += apart * targets[:, None]
    video = torch.randn(clips, 4, 8, generator=generator)
    keys = [str(number) for number in range(clips)]
    return Split([Path("drawn")], keys, labels, video, audio, torch.zeros(clips, 4), {})


@pytest.mark.parametrize("several", [False, True])
def test_kinds_that_can_be_told_are_told_by_the_sound_and_not_by_the_picture(several):
    splits = {
        name: drawn(count, seed, several)
        for seed, (name, count) in enumerate((("train", 90), ("val", 30), ("test", 90)))
    }
    metrics = Classification()(None, splits).metrics
    assert metrics["classification/accuracy"] > 0.9 and metrics["classification/map"] > 0.95
    assert metrics["classification/audio/accuracy"] > 0.95
    assert metrics["classification/video/map"] < (0.75 if several else 0.55)
    assert Classification()(None, splits).metrics == metrics


def test_labels_that_mean_nothing_are_at_chance():
    splits = {
        name: drawn(count, seed, apart=0)
        for seed, (name, count) in enumerate((("train", 90), ("val", 60), ("test", 300)))
    }
    assert Classification()(None, splits).metrics["classification/accuracy"] == pytest.approx(1 / 3, abs=0.1)


def test_validation_chooses_the_penalty():
    """Labels that mean nothing ask for the strongest, labels that can be told for a weak one."""
    for apart, strong in ((0.0, True), (2.0, False)):
        train, val = (
            (pooled(split), multi_hot(split.labels, KINDS))
            for split in (drawn(60, 0, apart=apart), drawn(60, 1, apart=apart))
        )
        penalty = fit_probe(train, val, single=True).penalty
        assert (penalty >= 0.1) == strong


def test_accuracy_and_precision_counted_by_hand():
    scores = torch.tensor([[3.0, 2.0, 0.0], [2.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
    targets = multi_hot([["bell"], ["drum"], ["bell", "drum"], []], KINDS)
    found = class_scores(scores, targets, single=False)
    # likeliest: bell right, bell wrong, drum right; the last has no label. Bell ranks its two 1st and 3rd of four,
    # drum 1st and 3rd; siren, which no clip has, is left out
    assert found == {"accuracy": pytest.approx(2 / 3), "map": pytest.approx((1 + 2 / 3) / 2)}


def test_labels_that_training_never_had_do_not_count():
    assert multi_hot([["bell", "dog"], []], KINDS).tolist() == [[1, 0, 0], [0, 0, 0]]


def test_a_clip_of_a_kind_that_training_never_had_is_wrong_and_changes_nothing_else():
    splits = {name: drawn(count, seed) for seed, (name, count) in enumerate((("train", 90), ("val", 30), ("test", 90)))}
    before = Classification()(None, splits).metrics
    for name in ("val", "test"):
        splits[name].labels[0] = ["dog"]
    splits["train"].labels[0] = []
    after = Classification()(None, splits).metrics
    assert before["classification/unseen_clips"] == 0 and after["classification/unseen_clips"] == 1
    assert after["classification/accuracy"] == pytest.approx(before["classification/accuracy"] - 1 / 90, abs=0.02)
    assert after["classification/map"] == pytest.approx(before["classification/map"], abs=0.02)


def test_one_kind_alone_has_a_precision():
    splits = {name: drawn(12, seed) for seed, name in enumerate(("train", "val", "test"))}
    for split in splits.values():
        split.labels[:] = [["bell"]] * 12
    metrics = Classification()(None, splits).metrics
    assert metrics["classification/accuracy"] == metrics["classification/map"] == 1


@pytest.mark.parametrize("single", [True, False])
def test_fine_tuning_learns_the_tone_and_leaves_the_network_as_it_is(single, tmp_path):
    train, test = write_flashes(tmp_path / "train", range(24)), write_flashes(tmp_path / "test", range(100, 112))
    net, _ = checkpoints.load(write_network(tmp_path / "a.ckpt"))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    kinds = ["blue", "green", "red"]
    targets = multi_hot([[["red", "green", "blue"][seed % 3]] for seed in range(100, 112)], kinds)
    tuning = FineTuning(epochs=12, lr=3e-3, batch_size=8, progress=False)
    scores = tuning(net, [train], [test], kinds, single)
    assert scores.shape == (12, 3) and class_scores(scores, targets, single)["accuracy"] > 0.8
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
