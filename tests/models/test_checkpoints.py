import os
import resource

import pytest
import torch

from avsync.models import checkpoints
from avsync.models.checkpoints import CheckpointError

NET = {"_target_": "avsync.features.video.MouthFrames", "face_size": 64, "size": 32}


def test_what_is_saved_is_read(tmp_path):
    checkpoints.save({"weights": torch.arange(3)}, tmp_path / "deep" / "a.ckpt")
    assert torch.equal(checkpoints.read(tmp_path / "deep" / "a.ckpt")["weights"], torch.arange(3))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.ckpt"]


@pytest.mark.parametrize("name", ["a.ckpt", "a.safetensors"])
def test_a_save_without_room_is_one_line_and_keeps_the_last_one(name, tmp_path):
    """Where a file may have 10 kB; a disk that is full looks the same."""
    path, limits = tmp_path / name, resource.getrlimit(resource.RLIMIT_FSIZE)

    def save(weights):
        checkpoints.save({"avsync": {}, "state_dict": {"net.a": torch.zeros(weights)}}, path)

    save(10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(CheckpointError, match="cannot be written .*; make room there") as caught:
            save(10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value) and len(checkpoints.read(path)["state_dict"]["net.a"]) == 10
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_others_may_read_what_is_saved(tmp_path):
    """As any file that its maker writes: colleagues on a cluster go on from it."""
    checkpoints.save({"step": 1}, tmp_path / "a.ckpt")
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.ckpt").stat().st_mode == (tmp_path / "plain").stat().st_mode


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
