"""Trainings on two processes."""

from dataclasses import replace

import pytest
import torch

from avsync.alignment.distances import distance_matrix
from avsync.data.datamodule import cut, stack
from avsync.data.shards import read_clips, write_shards
from avsync.evaluation.protocols import SEARCH, OffsetScores
from avsync.models import checkpoints
from conftest import run_python
from flashes import write_flashes
from mouths import draw_mouth, encoded, write_mouths
from syncnet_ranks import NET

pytestmark = pytest.mark.slow


def trained(tmp_path, val: range):
    write_flashes(tmp_path / "train", range(24))
    write_flashes(tmp_path / "val", val)
    return run_python("tests/ranks.py", tmp_path / "train", tmp_path / "val", tmp_path)


def test_two_processes_train_and_validate_as_one(tmp_path):
    """Batches draw what share they hide, and validation has more clips on one device: neither waits for the other."""
    done = trained(tmp_path, range(30, 50))
    assert done.returncode == 0, done.stderr
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(value, other["weights"][name]) for name, value in one["weights"].items())
    for name in ("val/loss", "val/contrast", "val/retrieval_r1", "val/retrieval_chance"):
        assert one["logged"][name] == other["logged"][name], name
    assert one["logged"]["val/retrieval_chance"] == pytest.approx(1 / 20)
    assert one["hidden"][:3] == other["hidden"][:3] and len(set(one["hidden"])) > 3


def test_fewer_shards_of_validation_than_devices_are_refused(tmp_path):
    done = trained(tmp_path, range(30, 34))
    assert done.returncode and "1 shards of" in done.stderr and "lower trainer.devices" in done.stderr


def mouths(tmp_path, speaking: int):
    """Of validation one device gets 4 segments and the other 8; clips after the first ``speaking`` are silent."""
    made = [draw_mouth(seed, 1.6 if seed >= 34 else 0.8) for seed in range(30, 46)]  # the short ones give no segment
    made[speaking:] = [replace(clip, audio=0 * clip.audio) for clip in made[speaking:]]
    write_mouths(tmp_path / "train", range(16), seconds=1.6)
    write_shards(map(encoded, made), tmp_path / "val", 8)
    return run_python("tests/syncnet_ranks.py", tmp_path / "train", tmp_path / "val", tmp_path)


def test_two_processes_draw_each_their_own_and_find_the_accuracy_of_all_clips(tmp_path):
    done = mouths(tmp_path, speaking=13)
    assert done.returncode == 0, done.stderr
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for what in ("augment", "tracts"):
        drawn = one["drawn"][what] + other["drawn"][what]
        assert len(drawn) == len(set(drawn)) == 2 * 2 * 2, what  # steps, epochs, devices
    assert one["logged"]["val/loss"] == other["logged"]["val/loss"]
    net, scores = checkpoints.build(NET).eval(), OffsetScores()
    net.load_state_dict(one["weights"])
    for clip in list(read_clips(tmp_path / "val"))[4:]:
        segment = stack([cut(clip, 0, 35)])
        with torch.no_grad():
            video, audio = net.embed_video(segment["frames"]), net.embed_audio(segment["audio"])
        matrix = distance_matrix(net.centred(video)[0], net.centred(audio)[0], SEARCH)
        scores.add(matrix, segment["speech"][0], true=0)
    expected = scores.compute()["offset_acc/k5"]
    assert one["logged"]["val/offset_acc_k5"] == other["logged"]["val/offset_acc_k5"] == pytest.approx(expected)


def test_two_processes_without_speech_stop_together(tmp_path):
    done = mouths(tmp_path, speaking=0)
    assert done.returncode and "none of the 12 segments" in done.stderr
