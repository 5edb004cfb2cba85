"""Checkpoints by name, by path and from a hub (a folder that stands in for it), on the network of the tests' run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
import safetensors.torch
import torch

import avsync
from avsync import cli
from avsync.media.remux import shift_audio
from avsync.models import checkpoints
from avsync.models.checkpoints import CheckpointError
from conftest import ROOT, run_python
from mouths import draw_mouth, film_mouth


@pytest.fixture(scope="module")
def best(mouth_run):
    return mouth_run / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def exported(best, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "deep" / "small"
    card = folder.parent.parent / "card.md"
    card.write_text("# Mouths\n")
    assert cli.main(["export", str(best), str(folder), "--card", str(card)]) == 0
    return folder


@pytest.fixture
def package(exported, tmp_path, monkeypatch):
    """A package in which ``syncnet`` ships."""
    shutil.copytree(exported, tmp_path / "pretrained" / "syncnet")
    monkeypatch.setattr("avsync.models.PRETRAINED", tmp_path / "pretrained")
    return tmp_path / "pretrained"


def embedded(net) -> torch.Tensor:
    clip = draw_mouth(1, seconds=1.0)
    with torch.inference_mode():
        video, audio = torch.from_numpy(clip.frames), torch.from_numpy(clip.audio)
        return torch.cat([net.embed_video(video[None]), net.embed_audio(audio[None])])


def test_an_exported_checkpoint_is_the_same_network_with_its_calibration(best, exported):
    net, calibration = checkpoints.load(best)
    for path in (exported, exported / "model.safetensors"):
        loaded = avsync.load(str(path))
        assert torch.equal(embedded(loaded.net), embedded(net)) and not loaded.net.training
        assert loaded.calibration == calibration and "chance" in calibration
        assert loaded.name == str(path) and loaded.card == "# Mouths\n"
    assert avsync.load(str(best)).card == ""
    assert sorted(path.name for path in exported.iterdir()) == ["README.md", "model.safetensors"]
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in exported.iterdir())
    assert sum(path.stat().st_size for path in exported.iterdir()) < 8e6


def test_of_several_the_mean_is_exported_without_a_calibration(best, tmp_path, capsys):
    other = avsync.load(best).net
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(2.0)
    content = checkpoints.read(best)
    moved = {f"net.{name}": value for name, value in other.state_dict().items()}
    checkpoints.save(content | {"state_dict": moved}, tmp_path / "other.ckpt")
    assert cli.main(["export", str(best), str(tmp_path / "other.ckpt"), str(tmp_path / "mean")]) == 0
    mean, one = avsync.load(tmp_path / "mean"), avsync.load(best)
    assert mean.calibration == {} and one.calibration
    for had, has in zip(one.net.parameters(), mean.net.parameters(), strict=True):
        assert torch.allclose(has, had + 1.0, atol=1e-4)
    small = {name: value[..., :1] if value.ndim else value for name, value in moved.items()}
    checkpoints.save(content | {"state_dict": small}, tmp_path / "small.ckpt")
    assert cli.main(["export", str(best), str(tmp_path / "small.ckpt"), str(tmp_path / "none")]) == 2
    assert "is another network" in capsys.readouterr().err and not (tmp_path / "none").exists()


def test_half_precision_halves_the_bytes_and_hardly_moves_an_embedding(best, exported, tmp_path):
    assert cli.main(["export", str(best), str(tmp_path / "half"), "--half"]) == 0
    size, half = ((folder / "model.safetensors").stat().st_size for folder in (exported, tmp_path / "half"))
    loaded = avsync.load(tmp_path / "half")
    assert half < 0.52 * size and all(p.dtype == torch.float32 for p in loaded.net.parameters())
    assert (embedded(loaded.net) - embedded(avsync.load(best).net)).abs().max() < 1e-3
    assert "1.8 M parameters" in loaded.card and "test/offset_acc/k5" in loaded.card


def test_names_that_ship(package):
    assert avsync.models() == ["syncnet"]
    assert avsync.load("syncnet").card == "# Mouths\n"
    shutil.rmtree(package / "syncnet")
    assert avsync.models() == []
    with pytest.raises(CheckpointError, match="none in this version"):
        avsync.load("syncnet")


def test_what_ships_now_is_small_calibrated_and_has_a_card():
    assert "syncnet" in avsync.models()
    for name in avsync.models():
        loaded = avsync.load(name)
        files = (ROOT / "src" / "avsync" / "pretrained" / name).iterdir()
        assert "chance" in loaded.calibration and len(loaded.card) > 500
        assert sum(path.stat().st_size for path in files) <= 8e6


def test_what_ships_now_measures(tmp_path):
    """A drawn talker whose sound comes 200 ms early."""
    pytest.importorskip("espeakng_loader")
    from avsync.synthetic.fixtures import tiny_talkers

    (talker,) = tiny_talkers(tmp_path, 1, 4.0, seed=11)
    shift_audio(talker, tmp_path / "early.mkv", -0.2)
    found = avsync.offset(tmp_path / "early.mkv", "syncnet")
    assert found.verdict == "audio leads" and found.estimate.offset == pytest.approx(0.2, abs=0.04)


def test_offset_without_a_run_measures_with_the_one_that_ships(package, tmp_path, monkeypatch, capsys):
    film_mouth(tmp_path / "mouth.mp4", 2, seconds=2.0)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["offset", "mouth.mp4", "--crop", "none"]) == 0
    assert "checkpoint: syncnet\n" in capsys.readouterr().out
    assert cli.main(["offset", "mouth.mp4", "--crop", "none", "--json", "--checkpoint", "syncnet"]) == 0
    assert json.loads(capsys.readouterr().out)["checkpoint"] == "syncnet"


@pytest.fixture
def hub(exported, monkeypatch):
    """A hub that holds one repository with one tag; gives what was asked of it."""
    asked = []

    def snapshot_download(repository, *, revision=None, allow_patterns=None):
        asked.append((repository, revision))
        if repository != "some.one/sync-net" or revision not in (None, "v1.0"):
            raise huggingface_hub.errors.LocalEntryNotFoundError("nothing there\nand a long story")
        assert set(allow_patterns) == {"model.safetensors", "README.md"}
        return str(exported)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


@pytest.mark.parametrize(
    ("name", "revision", "tag"),
    [
        ("hub:some.one/sync-net", None, None),
        ("hub:some.one/sync-net@v1.0", None, "v1.0"),
        ("some.one/sync-net@v1.0", None, "v1.0"),
        ("some.one/sync-net", "v1.0", "v1.0"),
    ],
)
def test_a_hub_gives_a_checkpoint_by_name_and_revision(hub, name, revision, tag):
    loaded = avsync.load(name, revision)
    assert hub == [("some.one/sync-net", tag)] and loaded.card == "# Mouths\n"
    assert loaded.name == (f"{name}@{revision}" if revision else name)


def test_what_a_hub_does_not_have_is_one_line(hub):
    with pytest.raises(CheckpointError, match=r"some.one/sync-net at v9 cannot be fetched \(nothing there\)") as caught:
        avsync.load("some.one/sync-net", "v9")
    assert "\n" not in str(caught.value)


FETCHED = """
import avsync
from avsync.models.checkpoints import CheckpointError
loaded = avsync.load("hub:some.one/sync-net@v1.0")
print(loaded.name, loaded.card.strip(), loaded.net.face_size, "chance" in loaded.calibration)
try:
    avsync.load("some.one/sync-net@v2.0")
except CheckpointError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "network", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}], ids=["off", "down"]
)
def test_what_was_fetched_once_works_offline(exported, network, tmp_path, monkeypatch):
    """From the cache as huggingface_hub itself keeps it, told to be offline or with nobody who answers."""
    repository, commit = tmp_path / "models--some.one--sync-net", "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(exported, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "v1.0").write_text(commit)
    for name, value in {"HF_HUB_CACHE": str(tmp_path), **network}.items():
        monkeypatch.setenv(name, value)
    done = run_python("-c", FETCHED)
    found, wrong = done.stdout.splitlines()
    assert found == "hub:some.one/sync-net@v1.0 # Mouths 96 True" and done.stderr == ""
    assert wrong.startswith("some.one/sync-net at v2.0 cannot be fetched")


@pytest.mark.parametrize("name", ["runs/typo", "syncnett", "a/b/c.ckpt", "", "hub:syncnet", "https://x.org/y@z"])
def test_a_wrong_name_never_asks_the_network(hub, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError):
        avsync.load(name)
    assert hub == []


def test_calibrating_a_safetensors_keeps_it_one(exported, tmp_path):
    path = tmp_path / "again.safetensors"
    shutil.copy(exported / "model.safetensors", path)
    checkpoints.calibrate(path, {"threshold": 0.5})
    net, calibration = checkpoints.load(path)
    assert calibration == {"threshold": 0.5} and torch.equal(embedded(net), embedded(avsync.load(exported).net))


EVIL = {"format": 1, "net": {"_target_": "os.mkdir", "path": "executed"}}
OTHER = {"format": 1, "net": {"_target_": "avsync.models.syncnet.Residual", "width": 3}}
WRONG = {
    "no metadata": ({}, "not an avsync checkpoint"),
    "no json": ({"avsync": "{"}, "not a readable"),
    "another format": ({"avsync": json.dumps({"format": 99})}, "not an avsync checkpoint"),
    "no network": ({"avsync": json.dumps({"format": 1})}, "do not make a network"),
    "a program": ({"avsync": json.dumps(EVIL)}, "asks for os.mkdir"),
    "another network": ({"avsync": json.dumps(OTHER)}, "do not make a network"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_one_line_and_runs_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metadata, words = WRONG[name]
    safetensors.torch.save_file({"net.x": torch.zeros(1)}, "x.safetensors", metadata)
    with pytest.raises(CheckpointError, match=words) as caught:
        avsync.load("x.safetensors")
    assert "\n" not in str(caught.value) and os.listdir() == ["x.safetensors"]


@pytest.mark.parametrize("kept", [0, 100, 5_000_000])
def test_a_file_cut_short_is_one_line(exported, kept, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes((exported / "model.safetensors").read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        avsync.load(tmp_path / "cut.safetensors")


def test_export_leaves_nothing_behind_that_is_not_whole(best, exported, tmp_path, monkeypatch, capsys):
    assert cli.main(["export", str(best), str(exported)]) == 2
    assert "give a new folder" in capsys.readouterr().err
    assert cli.main(["export", str(best), str(tmp_path / "x"), "--card", str(tmp_path / "none.md")]) == 2

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert cli.main(["export", str(best), str(tmp_path / "x")]) == 2
    assert "No space left" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_importing_avsync_imports_no_torch():
    code = "import sys, avsync; avsync.models(); avsync.load; sys.exit('torch' in sys.modules)"
    assert run_python("-c", code).returncode == 0


def test_a_wheel_would_hold_what_ships(exported, tmp_path):
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.egg-info", "pretrained"))
    shutil.copytree(exported, tmp_path / "src" / "avsync" / "pretrained" / "syncnet")
    build = [sys.executable, "-W", "ignore", "-c", "import setuptools; setuptools.setup()", "build_py", "-d", "built"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shipped = Path(tmp_path / "built" / "avsync" / "pretrained" / "syncnet")
    assert sorted(path.name for path in shipped.iterdir()) == ["README.md", "model.safetensors"]
