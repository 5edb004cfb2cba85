import json

import pytest
import torch

from avsync.evaluation.runs import collect
from avsync.models import checkpoints
from avsync.models.shipped import newest_checkpoint
from conftest import run_python

NARROW = ("widths=[8,16,16,16,16]", "full=[64]")


def test_a_small_training_beats_chance_by_a_wide_margin(mouth_run):
    metrics = json.loads((mouth_run / "metrics.json").read_text())
    assert metrics["test/offset_acc/k5"] > 0.5  # chance is 0.097
    assert metrics["test/offset_acc/k15"] > 0.9
    assert metrics["test/pair_acc"] > 0.7  # chance is 0.5
    assert all(0 <= metrics[f"test/offset_acc{part}/k{k}"] <= 1 for part in ("", "_all") for k in range(5, 16, 2))


def test_the_run_folder_holds_what_it_should(mouth_run):
    for name in ("metrics.json", "config.yaml", "report.html", "checkpoints/best.ckpt", "logs/metrics.csv"):
        assert (mouth_run / name).stat().st_size > 0, name
    report = (mouth_run / "report.html").read_text()
    assert report.count("<svg") >= 9 and "http-equiv" not in report and 'src="http' not in report


def test_the_checkpoint_rebuilds_the_network_and_knows_its_limits(mouth_run):
    net, calibration = checkpoints.load(mouth_run / "checkpoints" / "best.ckpt")
    assert not net.training and net.embed_audio(torch.zeros(1, 6400)).shape == (1, 6, 256)
    assert calibration["chance"]["slope"] > 0 and 0 < calibration["threshold"] < 2


def test_the_chance_it_states_is_the_share_that_is_right(mouth_run):
    metrics = json.loads((mouth_run / "metrics.json").read_text())
    assert metrics["test/calibration/ece"] < 0.06
    assert metrics["test/clip/chance"] == pytest.approx(metrics["test/clip/offset_acc"], abs=0.05)
    assert "Calibration" in (mouth_run / "report.html").read_text()


def test_training_goes_on_from_a_checkpoint(mouth_run, mouth_data, tmp_path):
    last = mouth_run / "checkpoints" / "last.ckpt"
    done = run_python("train.py", *mouth_data, f"checkpoint={last}", "trainer.max_epochs=7", f"paths.runs={tmp_path}")
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.iterdir()
    steps = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert steps == torch.load(last, weights_only=True)["global_step"] // 6 * 7


def test_a_checkpoint_is_evaluated_without_training(mouth_run, mouth_data, tmp_path):
    best = mouth_run / "checkpoints" / "best.ckpt"
    done = run_python("train.py", *mouth_data, "train=false", f"checkpoint={best}", f"paths.runs={tmp_path}")
    assert done.returncode == 0, done.stderr
    (again,) = tmp_path.glob("*/metrics.json")
    assert json.loads(again.read_text()) == json.loads((mouth_run / "metrics.json").read_text())


@pytest.mark.slow
def test_training_begins_with_weights_that_fit(mouth_run, mouth_data, tmp_path):
    """And says in one line which tensors do not; a network that learns is not diagnosed."""
    begin = [*mouth_data, f"model.init_from={mouth_run / 'checkpoints' / 'best.ckpt'}", "model.freeze=[video_tower]"]
    short = ["trainer.max_epochs=1", "+trainer.limit_train_batches=2"]
    done = run_python("train.py", *begin, *short, f"paths.runs={tmp_path}")
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.iterdir()
    weights = [torch.load(r / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for r in (mouth_run, run)]
    same = {name for name, value in weights[0].items() if torch.equal(value, weights[1][name])}
    assert {name.split(".")[1] for name in same if name.startswith("net.")} == {"video_tower", "audio_features"}
    assert not (run / "diagnosis.json").exists() and not (mouth_run / "diagnosis.json").exists()

    done = run_python("train.py", *begin, "model.net.video_tower.embedding=8", f"paths.runs={tmp_path}")
    assert done.returncode == 2 and "audio_tower.head.weight is (256, 960), expected (8, 960)" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_sweep_is_collected_into_one_table(mouth_data, tmp_path):
    done = run_python(
        "train.py",
        "-m",
        *mouth_data,
        "model.optimizer.lr=0.001,0.002",
        "trainer.max_epochs=1",
        "+trainer.limit_train_batches=2",
        f"paths.runs={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    rows = collect(tmp_path)
    assert ["model.optimizer.lr=0.001" in row["overrides"] for row in rows] == [True, False]
    assert ["model.optimizer.lr=0.002" in row["overrides"] for row in rows] == [False, True]
    table = run_python("-m", "avsync", "runs", tmp_path, "--csv", tmp_path / "all.csv")
    assert table.returncode == 0 and "0.002" in table.stdout
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 3


def test_the_newest_checkpoint_is_found(mouth_run):
    assert newest_checkpoint(mouth_run.parent) == mouth_run / "checkpoints" / "best.ckpt"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data=shards", "data.train=/nowhere", "data.val=/nowhere", "data.test=/nowhere"], "data_prep/prepare.py"),
        (["debug=smoke", "data=shards", "data.train=x", "data.val=x", "data.test=x"], "data=synthetic_talkers"),
        (["train=false", "data=shards", "data.train=x", "data.val=x", "data.test=x"], "checkpoint="),
    ],
)
def test_what_cannot_work_is_one_line_and_status_2(overrides, words, tmp_path):
    done = run_python("train.py", *overrides, f"paths.runs={tmp_path}")
    assert done.returncode == 2
    said = done.stderr.strip().splitlines()
    assert words in said[-1] and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["rounds=0"], "rounds=0: expected 1 or more"),
        (["trainer.precision=bf16-true"], "give bf16-mixed"),
        (["model=cav_mae_sync", "model.temporal_gap=-1"], "expected seconds above 0"),
        (["data.segment=0.3"], "give data.segment=1.4 or more"),
        (["model.freeze=[video_tower,audio_tower]", "model/objective=contrastive"], "leaves nothing to train"),
        (["trainer.max_epochs=-1", "+trainer.max_time='00:00:01:00'"], "give trainer.max_epochs or trainer.max_steps"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_status_2(overrides, words, mouth_data, tmp_path):
    done = run_python("train.py", *overrides, *mouth_data, f"paths.runs={tmp_path}")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert words in done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["syncnet_2016", "syncnet_v2"])
def test_the_other_networks_learn_by_a_margin_on_distances_of_any_size(model, mouth_data, tmp_path):
    """With few channels and a minute's time; loss, learning rate and embeddings are the configs'."""
    towers = [f"model.net.{tower}.{what}" for tower in ("video_tower", "audio_tower") for what in NARROW]
    few = ["data.segments_per_clip=1", "data.batch_size=2", "trainer.max_epochs=3"]  # 60 steps
    done = run_python("train.py", f"model={model}", *mouth_data, *towers, *few, f"paths.runs={tmp_path}")
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.iterdir()
    assert json.loads((run / "metrics.json").read_text())["test/offset_acc/k15"] > 0.6  # chance is 0.097
    assert not (run / "diagnosis.json").exists()
    net, calibration = checkpoints.load(run / "checkpoints" / "best.ckpt")
    assert not net.unit and calibration["threshold"] > 0


def test_a_sweep_whose_runs_would_begin_sweeps_of_their_own_is_refused(mouth_data, tmp_path):
    """Lightning starts the process of the second device with the words of the first, -m too."""
    done = run_python(
        "train.py", "-m", *mouth_data, "seed=1,2", "trainer=cpu", "trainer.devices=2", f"paths.runs={tmp_path}"
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "a sweep's runs cannot share 2 devices" in done.stderr.strip().splitlines()[-1]
