import os

import pytest
import torch

from avsync.models import checkpoints
from avsync.models.checkpoints import CheckpointError

NET = {"_target_": "avsync.features.video.MouthFrames", "face_size": 64, "size": 32}


def test_what_is_saved_is_read(tmp_path):
    checkpoints.save({"weights": torch.arange(3)}, tmp_path / "deep" / "a.ckpt")
    assert torch.equal(checkpoints.read(tmp_path / "deep" / "a.ckpt")["weights"], torch.arange(3))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.ckpt"]


def test_a_save_that_fails_keeps_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / "a.ckpt"
    checkpoints.save({"step": 1}, path)

    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoints.save({"step": 2}, path)
    assert checkpoints.read(path) == {"step": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["a.ckpt"]


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("executed",))


def test_nothing_is_run_that_came_with_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"avsync": Evil()}, "evil.ckpt")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        checkpoints.read(tmp_path / "evil.ckpt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "target",
    ["os.mkdir", "torch.load", "avsync.models.syncnet.F.relu", "avsync.models.syncnet.convolution",
     "avsync.models.syncnet.nn", "avsync.models..os.system", "avsync.models.checkpoints.save"],
)  # fmt: skip
def test_only_our_own_networks_are_built(target):
    with pytest.raises((CheckpointError, ModuleNotFoundError)):
        checkpoints.build({"_target_": target})


def test_our_own_are_built_with_their_arguments():
    assert checkpoints.build(NET).face_size == 64


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is not a file"), (b"<html>404</html>", "not a readable checkpoint"), ({"a": 1}, "not an avsync")],
)
def test_a_wrong_file_says_what_to_give(tmp_path, content, words):
    path = tmp_path / "x.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(CheckpointError, match=words) as caught:
        checkpoints.load(path)
    assert "\n" not in str(caught.value)
