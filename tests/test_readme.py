"""Every command in the README is run, on small data; those that need a cluster or install are composed or looked up."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from avsync import cli
from avsync.media.remux import shift_audio
from conftest import ROOT, run_python
from mouths import film_mouth, write_mouths

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, flags=re.S)
COMMANDS = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
KINDS = ("make ", "source ", "avsync ", "python train.py", "python data_prep/prepare.py", "pip install", "conda env")


def only_composed(command: str) -> bool:
    """Not run here: sweeps, what needs a run, rounds (tests/training/test_rounds.py) and scenes (test_drawn_scenes)."""
    return any(word in command for word in (" -m ", "NAME", "rounds=", "model=cav_mae"))


def of_kind(kind: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(kind)]


def test_no_command_is_left_out():
    assert len(COMMANDS) >= 20
    assert sorted(COMMANDS) == sorted(command for kind in KINDS for command in of_kind(kind))


def test_the_first_screen_has_the_two_commands():
    first = "\n".join(README.splitlines()[:12])
    assert "make train" in first and "make test" in first


@pytest.mark.parametrize("command", of_kind("make "))
def test_make_knows_what_it_is_asked(command):
    make = shutil.which("make")
    assert make, "the tests are started by make"
    done = subprocess.run([make, "-n", *command.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def place(mouth_run, tmp_path, monkeypatch):
    """A folder such as the README speaks of: runs/NAME, CARD.md, talk.mp4, interview.mkv, crop.mp4 and clips."""
    (tmp_path / "runs").mkdir()
    shutil.copytree(mouth_run, tmp_path / "runs" / "NAME")
    (tmp_path / "CARD.md").write_text("# Mouths\n")
    film_mouth(tmp_path / "crop.mp4", 400, seconds=2.0)
    from avsync.synthetic.fixtures import tiny_talkers

    (talker, *_) = tiny_talkers(tmp_path / "talkers", 1, 2.0)
    shutil.copy(talker, tmp_path / "talk.mp4")
    shift_audio(talker, tmp_path / "interview.mkv", 0.2)
    (tmp_path / "clips").mkdir()
    shutil.copy(talker, tmp_path / "clips")
    write_mouths(tmp_path / "data" / "mine" / "train", range(2), seconds=1.0)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_verbs_run(place, capsys):
    for command in of_kind("avsync "):
        status = cli.main(shlex.split(command)[1:])
        said = capsys.readouterr()
        # two seconds of a talker that this network never saw may leave it undecided: an answer of fix as well
        undecided = command.startswith("avsync fix") and "nothing written" in said.out
        assert status == (3 if undecided else 0), f"{command}: {said.err}"
        assert said.out


@pytest.mark.parametrize("command", [c for c in of_kind("python train.py") if only_composed(c)])
def test_sweeps_and_checkpoints_compose(command):
    words = [word for word in shlex.split(command)[1:] if word != "-m"]
    words = [re.sub(r"=([^,]*),.*", r"=\1", word) for word in words]  # the first of each list of values
    done = run_python(*words, "--cfg", "job")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [c for c in of_kind("python train.py") if not only_composed(c)])
def test_trainings_run(command, mouth_data, tmp_path):
    words, mouths = shlex.split(command)[1:], mouth_data
    if "data=shards" in words:
        words = [word for word in words if not word.startswith("data")]
    if "debug=smoke" in words:  # draws talkers: that too is run, in test_talkers.py
        mouths = ["data.make=null", *(word for word in mouth_data if word != "data=shards")]
    words = [word for word in words if not word.startswith(("trainer.max_epochs", "data.batch_size"))]
    short = ["trainer.max_epochs=1", "+trainer.limit_train_batches=2"]
    done = run_python(*words, *mouths, *short, f"paths.runs={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*/metrics.json"))


def test_preparation_runs(place):
    for command in of_kind("python data_prep"):
        words = [word for word in shlex.split(command)[1:] if "=" not in word]
        done = run_python(*words, f"source={place / 'talkers'}", f"out={place / 'out'}", "min_seconds=1", "workers=1")
        assert done.returncode == 0, done.stderr
        assert "train: 1 clips from 1 of 1 files" in done.stdout
        again = run_python(*words, f"source={place / 'nowhere'}", f"out={place / 'out'}")
        assert again.returncode == 2 and len(again.stderr.strip().splitlines()) == 1


def test_files_named_are_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_extras_named_exist():
    setup = (ROOT / "setup.cfg").read_text()
    for extra in ("synthetic", "slurm", "ray", "notebooks", "dev"):
        assert re.search(rf"^{extra} =", setup, flags=re.M) and extra in README


def test_the_conda_file_installs_this_package():
    assert "-e .[dev]" in Path(ROOT / "environment.yml").read_text()
