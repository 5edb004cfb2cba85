"""Rounds are done once each, whatever interrupts them."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from avsync.alignment.filter import Filter
from avsync.data.dirty import write_dirty
from avsync.data.shards import write_shards
from avsync.data.verdicts import read_table
from avsync.errors import AvsyncError
from avsync.training.rounds import LEFT, can_judge, run_rounds
from conftest import ROOT, run_python
from mouths import draw_mouth, encoded, write_mouths

SETTINGS = {"seed": 1}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    clean = write_mouths(tmp_path_factory.mktemp("clean"), range(500, 512), seconds=1.6, shard_samples=6)
    return write_dirty(clean, tmp_path_factory.mktemp("dirty"), 0.25, shard_samples=6)


class Training:
    """Stands for a training: leaves a network that was trained before."""

    def __init__(self, mouth_run):
        self.left, self.asked, self.dies = mouth_run, [], None

    def __call__(self, changes):
        self.asked.append(changes)
        folder = Path(changes["paths"]["run"])
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        shutil.copy(self.left / "checkpoints" / "last.ckpt", folder / "checkpoints" / "last.ckpt")
        if self.dies == len(self.asked):
            raise KeyboardInterrupt
        for name in ("checkpoints/best.ckpt", "config.yaml", "metrics.json", "report.html"):
            shutil.copy(self.left / name, folder / name)


@pytest.fixture
def training(mouth_run):
    return Training(mouth_run)


def rounds(training, shards, run, number=2, **changes):
    settings = dict(shards=shards, judge=Filter(workers=1, progress=False), settings=SETTINGS) | changes
    return run_rounds(training, number, run, **settings)


def test_each_round_leaves_its_folder_and_the_last_one_the_run(training, shards, tmp_path):
    metrics = rounds(training, shards, tmp_path)
    for name in ("round_1", "round_2"):
        for left in ("checkpoints/best.ckpt", "metrics.json", "report.html", "verdicts.parquet", "verdicts.html"):
            assert (tmp_path / name / left).stat().st_size > 0
    for name in LEFT:
        if name != "curves.npz":
            assert (tmp_path / name).read_bytes() == (tmp_path / "round_2" / name).read_bytes(), name
    assert "config.yaml" in LEFT and LEFT[-1] == "metrics.json"  # which says that the run is complete
    assert metrics == json.loads((tmp_path / "metrics.json").read_text())
    first, second = training.asked
    assert "data" not in first and "checkpoint" not in first and "model" not in {**first, **second}
    assert second["data"]["verdicts"] == str(tmp_path / "round_1" / "verdicts.parquet") and second["checkpoint"] is None
    assert len(read_table(tmp_path / "round_2" / "verdicts.parquet")[0]) == 12  # the dropped ones too


def test_a_round_that_was_interrupted_goes_on_and_finished_ones_are_not_repeated(training, shards, tmp_path):
    training.dies = 2
    with pytest.raises(KeyboardInterrupt):
        rounds(training, shards, tmp_path)
    assert (tmp_path / "round_1" / "verdicts.parquet").is_file() and not (tmp_path / "metrics.json").exists()
    rounds(training, shards, tmp_path)
    assert [changes["paths"]["run"] for changes in training.asked] == [
        str(tmp_path / "round_1"), str(tmp_path / "round_2"), str(tmp_path / "round_2")
    ]  # fmt: skip
    assert training.asked[2]["checkpoint"] == str(tmp_path / "round_2" / "checkpoints" / "last.ckpt")
    rounds(training, shards, tmp_path)
    assert len(training.asked) == 3
    rounds(training, shards, tmp_path, number=3)  # and one more
    assert len(training.asked) == 4


def test_several_folders_are_judged_as_one_set(training, shards, tmp_path):
    more = write_mouths(tmp_path / "more", range(520, 526), seconds=1.6, shard_samples=6)
    rounds(training, [shards, more], tmp_path / "run", number=1)
    rows, about = read_table(tmp_path / "run" / "verdicts.parquet")
    assert [row["key"] for row in rows[12:]] == [f"mouth{seed:04d}" for seed in range(520, 526)]
    assert about["shards"] == [str(shards), str(more)]


def test_weights_go_on_when_that_is_asked_for(training, shards, tmp_path):
    rounds(training, shards, tmp_path, scratch=False)
    best = str(tmp_path / "round_1" / "checkpoints" / "best.ckpt")
    assert [changes.get("model") for changes in training.asked] == [None, {"init_from": best, "init_parts": []}]


def test_rounds_of_another_kind_are_not_mixed(training, shards, tmp_path):
    rounds(training, shards, tmp_path, number=1)
    with pytest.raises(AvsyncError, match=r"another seed; give another hydra\.run\.dir"):
        rounds(training, shards, tmp_path, settings={"seed": 2})


def test_train_py_goes_on_only_with_the_settings_that_rounds_share(tmp_path):
    def run(*changes):
        words = ["data=shards", *(f"data.{name}=/nowhere" for name in ("train", "val", "test")), "rounds=2"]
        done = run_python("train.py", *words, *changes, f"hydra.run.dir={tmp_path}")
        assert done.returncode == 2
        return done.stderr.strip().splitlines()[-1]

    assert "/nowhere" in run() and (tmp_path / "rounds.json").is_file()
    may_change = ["trainer.max_epochs=2", "filter.workers=1", "filter.devices=[cpu]", "data.workers=0", "rounds=3"]
    assert "/nowhere" in run(*may_change)
    may_not = ["data.train=[/nowhere,/else]", "data/augment=strong", "filter.search=10", "filter.correct=3",
               "rounds_from_scratch=false", "seed=2", "model.net.audio_features.tract=0"]  # fmt: skip
    names = "model, seed, data.train, data.augment, filter.search, filter.correct, rounds_from_scratch"
    assert f"begun with another {names}; give another hydra.run.dir" in run(*may_not)


def test_a_network_that_learnt_nothing_stops_the_rounds(training, shards, tmp_path):
    """Only sound of others is left: each clip is dubbed."""
    dubbed = write_shards(
        (encoded(replace(draw_mouth(seed, 1.2), audio=draw_mouth(seed + 50, 1.2).audio)) for seed in range(20)),
        tmp_path,
    ).parent
    with pytest.raises(AvsyncError, match=r"round 1 .*trainer\.max_epochs"):
        rounds(training, dubbed, tmp_path / "run")
    assert not (tmp_path / "run" / "round_1" / "verdicts.parquet").exists()


@pytest.mark.slow
def test_a_run_in_rounds_is_killed_and_goes_on(shards, mouth_data, mouth_run, tmp_path):
    run = tmp_path / "run"
    more = write_mouths(tmp_path / "more", range(520, 526), seconds=1.6, shard_samples=6)
    data = [*mouth_data, f"data.train=[{shards},{more}]", "data.batch_size=4", "data.segment=1.4",
            "data.segments_per_clip=1"]  # fmt: skip
    start = mouth_run / "checkpoints" / "last.ckpt"  # a network that knows mouths: the first round has one epoch to go
    # ... and the second goes on with its weights: a few steps from nothing teach no network to judge
    command = [sys.executable, "train.py", *data, "rounds=2", "rounds_from_scratch=false", "trainer.max_epochs=7",
               f"checkpoint={start}", f"model.init_from={start}", f"hydra.run.dir={run}",
               "filter.workers=1"]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 200
    while not (run / "round_2" / "config.yaml").exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = run / "round_1" / "verdicts.parquet"
    stamp = first.stat().st_mtime_ns
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert first.stat().st_mtime_ns == stamp and (run / "metrics.json").is_file()
    assert (run / "config.yaml").read_bytes() == (run / "round_2" / "config.yaml").read_bytes()
    assert f"init_from: {run}/round_1/checkpoints/best.ckpt" in (run / "config.yaml").read_text()
    assert len(read_table(run / "verdicts.parquet")[0]) == 12 + 6


def test_a_network_that_finds_no_offsets_is_refused():
    with pytest.raises(AvsyncError, match="CavMaeTraining trains none; give rounds=1"):
        can_judge("avsync.training.cav_mae.CavMaeTraining")
    can_judge("avsync.training.syncnet.SyncNetTraining")
