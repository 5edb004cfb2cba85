"""The whole path on drawn talking heads: videos, faces, shards, training, and a shifted video measured."""

import json

import pytest

from avsync import cli
from avsync.media.remux import shift_audio
from avsync.synthetic.fixtures import tiny_talkers
from conftest import run_python

pytestmark = pytest.mark.slow
DATA = ["data.make.train=48", "data.make.val=4", "data.make.test=6", "data.make.seconds=4.0", "data.make.seed=7"]


@pytest.fixture(scope="module")
def talker_run(tmp_path_factory):
    """A run on a few talkers, made as `make train` makes its own, but in two minutes."""
    root = tmp_path_factory.mktemp("talkers")
    done = run_python(
        "train.py",
        "model=syncnet",
        *DATA,
        "trainer.max_epochs=13",
        f"paths.data={root}/data",
        f"paths.runs={root}/runs",
    )
    assert done.returncode == 0, done.stderr
    (run,) = (root / "runs").iterdir()
    return run


def test_drawn_talkers_teach_synchronization(talker_run):
    metrics = json.loads((talker_run / "metrics.json").read_text())
    assert metrics["test/clips"] == 6
    assert metrics["test/offset_acc/k15"] > 0.6  # chance is 0.097; the full data reach far more
    assert metrics["test/clip/offset_acc"] >= 5 / 6


def test_no_frame_of_the_drawn_talkers_is_lost_in_preparation(talker_run):
    for split in ("train", "val", "test"):
        folder = talker_run.parent.parent / "data" / "synthetic_talkers" / "prepared" / split
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["kept"] == summary["sources"] and summary["seconds_kept"] > 0.95 * summary["seconds_in"]


def test_a_second_run_reuses_the_data(talker_run, tmp_path):
    """Nothing is drawn or prepared again: no file of the data changes."""
    data = talker_run.parent.parent / "data"
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}
    done = run_python(
        "train.py", *DATA, "train=false",
        f"checkpoint={talker_run}/checkpoints/best.ckpt", f"paths.data={data}", f"paths.runs={tmp_path}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()} == before


def test_smoke_does_every_part_once(tmp_path):
    done = run_python("train.py", "debug=smoke", f"paths.data={tmp_path}/data", f"paths.runs={tmp_path}/runs")
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "metrics.json").read_text())["test/clips"] == 2
    assert (run / "report.html").is_file() and (run / "checkpoints" / "best.ckpt").is_file()
    summaries = tmp_path.glob("data/smoke/synthetic_talkers/prepared/*/summary.json")
    prepared = {path.parent.name: json.loads(path.read_text())["sources"] for path in summaries}
    assert prepared == {"train": 8, "val": 2, "test": 2}


@pytest.fixture(scope="module")
def talker(tmp_path_factory):
    """A video of somebody the network never saw."""
    (path,) = tiny_talkers(tmp_path_factory.mktemp("unseen"), 1, 6.0, seed=99)
    return path


@pytest.mark.parametrize("milliseconds", [-400, 0, 240])
def test_a_shifted_talker_is_measured_and_corrected(talker_run, talker, tmp_path, capsys, milliseconds):
    checkpoint = str(talker_run / "checkpoints" / "best.ckpt")

    def offset(path):
        assert cli.main(["offset", str(path), "--checkpoint", checkpoint, "--json"]) == 0
        return json.loads(capsys.readouterr().out)["offset_ms"]

    shifted, mended = tmp_path / "shifted.mkv", tmp_path / "mended.mkv"
    shift_audio(talker, shifted, -milliseconds / 1000)
    measured = offset(shifted)
    assert abs(measured - milliseconds) <= 40
    shift_audio(shifted, mended, measured / 1000)
    assert abs(offset(mended)) <= 20
