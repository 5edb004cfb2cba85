"""From shards and a checkpoint to a complete run folder."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from avsync.data import shards
from avsync.data.scene import evenly
from avsync.errors import AvsyncError
from avsync.evaluation.classification import Classification
from avsync.evaluation.embeddings import embed_split
from avsync.evaluation.events import Events
from avsync.evaluation.localization import Localization
from avsync.evaluation.reconstruction import Reconstruction
from avsync.evaluation.retrieval import Retrieval
from avsync.evaluation.runs import collect, print_runs
from avsync.evaluation.scenes import ScenesEvaluation
from avsync.models import checkpoints
from flashes import TINY, draw_flash, encoded, write_network

PROMISED = (
    "test/retrieval/video_to_audio/r1", "test/retrieval/audio_to_video/r10", "test/retrieval/mean/video_to_audio/r1",
    "test/offset/window_acc", "test/classification/accuracy", "test/classification/map",
    "test/classification/finetuned/accuracy", "test/localization/pointing", "test/localization/piou",
    "test/localization/iou", "test/events/segment_f1", "test/events/event_f1", "test/reconstruction/video_mse",
)  # fmt: skip


@pytest.fixture
def run(scene_run):
    return scene_run


@pytest.fixture
def splits(run):
    return {name: Path(folder) for name, folder in OmegaConf.load(run / "config.yaml").data.items()}


def test_every_number_that_was_promised_is_there(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test/clips"] == 9 and not [name for name in PROMISED if name not in metrics]
    errors = ("median_rank", "_mse", "_ms", "clips", "kinds", "frames", "events/events")
    shares = {name: value for name, value in metrics.items() if not name.endswith(errors)}
    assert all(0 <= value <= 1 for value in shares.values()), shares


def test_the_page_shows_heat_maps_lines_and_reconstructions_without_other_files(run):
    page = (run / "report.html").read_text()
    assert page.count("<h2>") >= 9
    for said in ("Retrieval", "heat map of its sound", "came 1st", "Cosine of picture and sound", "squared error"):
        assert said in page
    assert page.count("<svg") == 9 + 1  # a line for each clip, and the training
    assert page.count("data:image/png;base64,") > 20
    assert 'src="http' not in page and "http-equiv" not in page


def test_the_checkpoint_keeps_what_was_fitted_and_what_it_knew(run):
    _, calibration = checkpoints.load(run / "checkpoints" / "best.ckpt")
    assert set(calibration) == {"localization", "events"} and calibration["events"]["hop"] == 0.2
    assert 0 <= calibration["localization"]["threshold"] <= 1


def test_embeddings_are_stored_as_the_network_gives_them(run, splits):
    stored = np.load(run / "embeddings.npz")
    net, _ = checkpoints.load(run / "checkpoints" / "best.ckpt")
    again = embed_split(net, [splits["test"]], progress=False)
    assert stored["keys"].tolist() == again.keys and stored["labels"].tolist()[:3] == ["red", "green", "blue"]
    assert stored["video"].shape == stored["audio"].shape == (9, 4, 32) and stored["times"].shape == (9, 4)
    assert np.array_equal(stored["video"], again.video.numpy())
    assert np.allclose(np.linalg.norm(stored["audio"], axis=-1), 1, atol=1e-5)
    clip = draw_flash(30)
    frames, times = clip.frames[evenly(50, 4)], torch.from_numpy(stored["times"][:1]).float()
    near = net.embed_audio(torch.from_numpy(clip.audio)[None], times)[0].detach().numpy()
    assert np.allclose(stored["audio"][0], near, atol=1e-3)  # FLAC rounds to 16 bits
    assert frames.shape == (4, 64, 64, 3)


def test_parts_alone_need_no_more_than_they_say(splits, tmp_path):
    """Retrieval reads neither training nor validation clips."""
    checkpoint = write_network(tmp_path / "a.ckpt")
    evaluation = ScenesEvaluation("/nowhere", {"retrieval": Retrieval(beside=())}, progress=False)
    metrics = evaluation(checkpoint, tmp_path / "nothing", splits["test"], tmp_path)
    assert (
        "test/retrieval/audio_to_video/median_rank" in metrics
        and "test/retrieval/mean/video_to_audio/r1" not in metrics
    )
    assert checkpoints.read(checkpoint)["avsync"].get("calibration") is None


def test_a_network_that_hears_whole_clips_and_sees_change_is_measured_too(splits, tmp_path):
    sees_change = TINY["video_features"] | {"before": 2}
    given = {"audio_seconds": None, "global_token": False, "registers": 0, "video_features": sees_change}
    checkpoint = write_network(tmp_path / "a.ckpt", **given)
    named = {"a": Retrieval(), "b": Localization(), "c": Events(), "d": Reconstruction(clips=1)}
    metrics = ScenesEvaluation(splits["train"], named, progress=False)(
        checkpoint, splits["val"], splits["test"], tmp_path
    )
    assert metrics["test/offset/window_acc"] == pytest.approx(1 / 4)  # one sound for all moments: a draw


def test_clips_about_which_nothing_is_known_are_only_retrieved(tmp_path):
    from avsync.data.shards import write_shards

    clips = [draw_flash(seed) for seed in range(3)]
    for clip in clips:
        for known in ("labels", "events", "mask"):
            del clip.meta[known]
    write_shards(map(encoded, clips), tmp_path)
    checkpoint = write_network(tmp_path / "a.ckpt")
    evaluation = ScenesEvaluation(tmp_path, {"a": Retrieval(), "b": Localization(), "c": Events()}, progress=False)
    metrics = evaluation(checkpoint, tmp_path, tmp_path, tmp_path)
    assert not [name for name in metrics if name.startswith(("test/localization", "test/events"))]
    assert "not measured" in (tmp_path / "report.html").read_text()
    with pytest.raises(AvsyncError, match="share no label.*~evaluation.parts.classification"):
        ScenesEvaluation(tmp_path, {"a": Classification()}, progress=False)(checkpoint, tmp_path, tmp_path, tmp_path)


def test_another_kind_of_network_is_refused_in_one_line(splits, tmp_path):
    towers = {"widths": [8, 8, 8]}
    config = {
        "_target_": "avsync.models.syncnet.SyncNet",
        "video_features": {"_target_": "avsync.features.video.MouthFrames"},
        "audio_features": {"_target_": "avsync.features.audio.LogMel"},
        "video_tower": {"_target_": "avsync.models.syncnet.VideoTower", **towers},
        "audio_tower": {"_target_": "avsync.models.syncnet.AudioTower", **towers},
    }
    weights = {f"net.{name}": value for name, value in checkpoints.build(config).state_dict().items()}
    checkpoints.save({"avsync": {"format": 1, "net": config}, "state_dict": weights}, tmp_path / "a.ckpt")
    with pytest.raises(AvsyncError, match="holds a SyncNet, these evaluations measure a CavMae"):
        ScenesEvaluation("x", {"a": Retrieval()}, progress=False)(
            tmp_path / "a.ckpt", splits["val"], splits["test"], tmp_path
        )


def test_of_a_clip_the_moments_are_decoded_and_no_more_while_others_are_embedded(splits, tmp_path, monkeypatch):
    """By threads, in order, and only of as many clips as are asked for."""
    decoded, by, plain = [], set(), shards.decode_frames

    def some(data, which):
        decoded.append(which.tolist())
        by.add(threading.get_ident())
        return plain(data, which)

    monkeypatch.setattr(shards, "decode_frames", some)
    net, _ = checkpoints.load(write_network(tmp_path / "a.ckpt"))
    found = embed_split(net, [splits["train"], splits["test"]], progress=False, most=14)
    assert found.keys == [f"flash{seed:04d}" for seed in (*range(12), 30, 31)]
    assert decoded == [evenly(50, 4).tolist()] * 14 and threading.get_ident() not in by


def test_moments_are_the_middles_of_equal_parts():
    assert evenly(8, 4).tolist() == [1, 3, 5, 7] and evenly(2, 4).tolist() == [0, 0, 1, 1]
    assert TINY["frames"] == 4


def test_the_table_of_runs_shows_what_they_measured(run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    print_runs(collect(run.parent))
    said = "".join(capsys.readouterr().out.split())
    assert "untrained" in said and "pair_acc" not in said and "offset_acc" not in said
