"""Each cause is caused, in trainings of a second on drawn mouths; a healthy one says nothing."""

import json
import logging
from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn

from avsync.data.datamodule import cut, stack
from avsync.data.outline import bands
from avsync.data.pairs import Hardness
from avsync.data.shards import Clip
from avsync.data.verdicts import CORRECTED, write_table
from avsync.training.diagnosis import Diagnosis, NotFiniteError
from avsync.training.objectives import Contrastive, CosineEntropy, TimeMatching
from avsync.training.syncnet import SyncNetTraining
from conftest import run_python
from mouths import draw_mouth

LENGTH = 50

# Lightning's own, and its advice on workers
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning:pytorch_lightning.*")


class Towers(nn.Module):
    """Two small networks on outlines instead of pixels and samples: a step takes 3 ms."""

    def __init__(self, normal: bool = True):
        super().__init__()
        self.video, self.audio = (
            nn.Sequential(
                nn.BatchNorm1d(5 * size) if normal else nn.Identity(),
                nn.Linear(5 * size, 64),
                nn.ReLU(),
                nn.Linear(64, 32),
            )
            for size in (64, 16)
        )

    def embed_video(self, tiles):
        return self._embedded(self.video, tiles)

    def centred(self, embeddings):
        return embeddings

    def embed_audio(self, levels):
        return self._embedded(self.audio, levels)

    def _embedded(self, tower, outline):
        windows = outline.unfold(1, 5, 1).flatten(2)  # (B, N, F 5)
        return F.normalize(tower(windows.flatten(0, 1)).unflatten(0, windows.shape[:2]), dim=-1)


def clips(seeds: range, shift: int = 0) -> list[Clip]:
    """Drawn mouths whose sound is ``shift`` frames early."""
    found = []
    for clip in (draw_mouth(seed, seconds=3.0, size=32) for seed in seeds):
        sound = np.roll(clip.audio, -640 * shift)
        # from the middle, where nothing has come round
        found.append(Clip(clip.key, clip.frames[12 : 12 + LENGTH], sound[640 * 12 : 640 * (12 + LENGTH)], clip.meta))
    return found


def batches(made: list[Clip], size: int = 16) -> list[dict]:
    """In batches whose frames and audio are their outlines."""
    found = []
    for first in range(0, len(made), size):
        batch = stack([cut(clip, 0, LENGTH) for clip in made[first : first + size]])
        found.append({**batch, "frames": batch["tiles"], "audio": batch["bands"]})
    return found


def trained(tmp_path, train, val=(), *, objective=None, lr=3e-3, steps=120, net=None, **how):
    """The callback after a training."""
    torch.manual_seed(0)
    module = SyncNetTraining(net or Towers(), objective or TimeMatching(), partial(torch.optim.Adam, lr=lr))
    diagnosis = Diagnosis(str(tmp_path), window=60, **{"segments": 64, **how})
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=steps, max_epochs=1000, callbacks=[diagnosis], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        check_val_every_n_epoch=10,
    )  # fmt: skip
    loaders = [torch.utils.data.DataLoader(list(data), batch_size=None) for data in (train, val) if len(data)]
    trainer.fit(module, *loaders)
    return diagnosis


@pytest.fixture(scope="module")
def healthy():
    return batches(clips(range(64)))


@pytest.fixture(scope="module")
def unseen():
    return batches(clips(range(100, 116)))


def changed(data, **by):
    """Batches with some of their entries made by functions of the entries, outlines included."""
    made = [{**batch, **{name: change(batch[name]) for name, change in by.items()}} for batch in data]
    return [{**batch, "frames": batch["tiles"], "audio": batch["bands"]} for batch in made]


def said(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("avsync")]


@pytest.mark.parametrize(
    "objective",
    [
        TimeMatching(),
        TimeMatching(across=True),
        Contrastive(),
        Contrastive(hardness=Hardness()),
        CosineEntropy(),
        CosineEntropy(hardness=Hardness(over=0.2)),
    ],
)
def test_a_healthy_training_says_nothing(healthy, unseen, objective, tmp_path, caplog):
    diagnosis = trained(tmp_path, healthy, unseen, objective=objective)
    assert not diagnosis.found and not said(caplog) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("sound", "words"),
    [
        (torch.zeros(640 * LENGTH), "100% are silent"),
        (0.3 * torch.sin(torch.arange(640.0 * LENGTH) * 0.13), "100% steady"),
        (0.1 * torch.randn(640 * LENGTH, generator=torch.Generator().manual_seed(0)), "100% steady"),
    ],
    ids=["silence", "a tone", "noise"],
)
def test_sound_without_information(healthy, sound, words, tmp_path):
    quiet = changed(healthy, bands=lambda _: bands(sound).expand(16, -1, -1) + 0.01 * torch.randn(16, 1, 1))
    found = trained(tmp_path, quiet, steps=10).found
    assert set(found) == {"sound"} and words in found["sound"]


@pytest.mark.parametrize("picture", [lambda t: t[:, :1].expand_as(t), lambda t: 0.1 * torch.rand_like(t)])
def test_picture_without_information(healthy, picture, tmp_path):
    found = trained(tmp_path, changed(healthy, tiles=picture), steps=10).found
    assert set(found) == {"picture"} and "100% of 64" in found["picture"]


def test_the_same_picture_for_all(healthy, tmp_path):
    found = trained(tmp_path, changed(healthy, tiles=lambda tiles: tiles[:1].expand_as(tiles)), steps=80).found
    assert set(found) == {"same"} and "the same picture" in found["same"]


@pytest.mark.parametrize(("shift", "words"), [(8, "audio leads video by 320 ms"), (-6, "audio lags video by 240 ms")])
def test_training_data_out_of_sync(shift, words, tmp_path):
    found = trained(tmp_path, batches(clips(range(64), shift)), steps=80).found
    assert set(found) == {"out_of_sync"} and words in found["out_of_sync"]


@pytest.mark.parametrize(("shift", "words"), [(5, "audio leads video by 200 ms"), (-2, "audio lags video by 80 ms")])
def test_validation_data_out_of_sync(healthy, shift, words, tmp_path):
    found = trained(tmp_path, healthy, batches(clips(range(100, 116), shift))).found
    assert set(found) == {"out_of_sync"} and words in found["out_of_sync"] and "validation" in found["out_of_sync"]


def test_collapsed_embeddings(healthy, tmp_path):
    """A learning rate so large that a step kills nearly every unit: whatever goes in, the same comes out."""
    found = trained(tmp_path, healthy, net=Towers(normal=False), lr=30.0, steps=80).found
    assert set(found) == {"collapsed"} and "lower model.optimizer.lr" in found["collapsed"]


class AllInSync(Contrastive):
    def forward(self, video, audio, *rest):
        return (video - audio).square().sum(dim=2).mean() / 2


def test_labels_that_tell_nothing(healthy, tmp_path):
    found = trained(tmp_path, healthy, objective=AllInSync(), lr=1e-2, steps=80).found
    assert set(found) == {"labels"} and "marked alike" in found["labels"]


def test_only_clips_told_apart(healthy, tmp_path):
    """Each clip has a colour and a pitch of its own, and in time nothing goes together."""
    draw = torch.Generator().manual_seed(0)

    def shuffled(outline):
        own = 20 * torch.randn(len(outline), 1, outline.shape[2], generator=draw)
        return outline[:, torch.randperm(LENGTH, generator=draw)] + own

    data = changed(healthy[:2], tiles=shuffled, bands=shuffled)
    found = trained(tmp_path, data, objective=TimeMatching(across=True), steps=200, segments=10_000).found
    assert set(found) == {"clips"} and "only clips are told apart" in found["clips"]


@pytest.mark.parametrize(
    ("objective", "chance"), [(TimeMatching(), "3.785"), (CosineEntropy(), "0.693"), (Contrastive(), "0.125")]
)
def test_sounds_of_other_clips(objective, chance, tmp_path):
    """Nothing to be learned, and none of the other causes: the numbers are told, once a scale has found its place."""
    data = changed(batches(clips(range(160))), bands=lambda levels: levels.roll(3, dims=0).roll(20, dims=1))
    found = trained(tmp_path, data, objective=objective, steps=140).found
    assert set(found) == {"chance"} and "are these the right sounds?" in found["chance"]
    assert f"is that of knowing nothing ({chance})" in found["chance"]


@pytest.mark.slow
def test_a_run_on_sound_that_was_moved_says_by_how_much(mouth_data, tmp_path):
    """Through ``train.py``: shards, a table that takes sound off its place, and the file in the run's folder."""
    rows = [{"key": f"mouth{seed:04d}", "verdict": CORRECTED, "offset": -8} for seed in range(40)]
    write_table(tmp_path / "moved.parquet", rows)
    towers = [f"model.net.{tower}_tower.widths=[8,8,8]" for tower in ("video", "audio")]
    done = run_python(
        "train.py", "model=syncnet", *mouth_data, *towers, f"data.verdicts={tmp_path}/moved.parquet",
        "data.segments_per_clip=4", "trainer.max_epochs=1", "+trainer.limit_train_batches=8",
        f"paths.runs={tmp_path}/runs",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (said,) = tmp_path.glob("runs/*/diagnosis.json")
    found = json.loads(said.read_text())
    assert set(found) == {"out_of_sync"} and "audio leads video by 320 ms (+8 frames)" in found["out_of_sync"]
    assert found["out_of_sync"] in done.stdout + done.stderr


def test_each_cause_is_said_once_in_one_line(healthy, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        diagnosis = trained(tmp_path, changed(healthy, bands=torch.zeros_like, tiles=torch.zeros_like), steps=80)
    assert sorted(said(caplog)) == sorted(f"diagnosis: {line}" for line in diagnosis.found.values())
    assert len(diagnosis.found) == 3 and not any("\n" in line for line in said(caplog))
    assert json.loads((tmp_path / "diagnosis.json").read_text()) == diagnosis.found


def broken_data(net, data):
    data[0]["audio"][2, 3, 4] = float("nan")


def broken_weights(net, data):
    net.audio[1].weight.data[0, 0] = float("inf")


@pytest.mark.parametrize(
    ("break_it", "words"), [(broken_data, "audio of clip mouth0002"), (broken_weights, "weights net.audio.1.weight")]
)
def test_a_loss_that_is_no_number_stops_at_once(break_it, words, tmp_path):
    net, data = Towers(), batches(clips(range(16)))
    break_it(net, data)
    with pytest.raises(NotFiniteError, match=words) as caught:
        trained(tmp_path, data, net=net)
    assert "after 0 steps" in str(caught.value) and "\n" not in str(caught.value)
