"""CAV-MAE's training on two processes."""

import pytest
import torch

from conftest import run_python
from flashes import write_flashes

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
