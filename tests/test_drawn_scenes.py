"""The whole path of CAV-MAE Sync as the README starts it: drawn scenes, shards, training, evaluation; on very few."""

import json

import pytest

from conftest import run_python

pytestmark = pytest.mark.slow
FEW = ["data.make.train=16", "data.make.val=6", "data.make.test=8", "data.make.seconds=2.0", "data.make.seed=3"]


@pytest.mark.parametrize("model", ["cav_mae_sync", "cav_mae"])
def test_a_run_draws_trains_and_measures(model, tmp_path_factory):
    root = tmp_path_factory.getbasetemp() / "drawn_scenes"  # both models on the same data
    short = ["trainer.max_epochs=1", "+trainer.limit_train_batches=2", "data.batch_size=8"]
    done = run_python(
        "train.py", f"model={model}", *FEW, *short, f"paths.data={root}/data", f"paths.runs={root}/{model}"
    )
    assert done.returncode == 0, done.stderr
    (run,) = (root / model).iterdir()
    metrics = json.loads((run / "metrics.json").read_text())
    for name in ("retrieval/video_to_audio/r1", "retrieval/audio_to_video/r1", "classification/accuracy",
                 "localization/pointing", "events/segment_f1"):  # fmt: skip
        assert 0 <= metrics[f"test/{name}"] <= 1, name
    assert (run / "report.html").stat().st_size > 10_000
    assert (run / "embeddings.npz").is_file() and (run / "checkpoints" / "best.ckpt").is_file()
