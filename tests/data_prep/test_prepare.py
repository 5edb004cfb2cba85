"""The command line of preparation: text stays text, numbers are numbers, and what is wrong is one line."""

import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from avsync.data.clips import Settings
from avsync.data.shards import read_index
from avsync.media.write import write_video

sys.path.insert(0, str(Path(__file__).parents[2] / "data_prep"))  # it is run as a script

import prepare as command  # noqa: E402


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What preparation is asked to do, in a folder with two videos and nothing done."""
    for path in ("talk #1/a.mp4", "2024/b.mp4"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).touch()
    calls = []

    def prepare(sources, out, settings, **how):
        calls.append(([source.name for source in sources], str(out), settings, how))
        return out

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "prepare", prepare)
    monkeypatch.setattr(command, "told", lambda path, folder: "")
    return calls


def test_text_is_what_was_typed(asked):
    assert command.main(["source=talk #1", "out=2024"]) == 0
    assert command.main(["source=2024", "out=a=b #c: {d}"]) == 0
    assert [(names, out) for names, out, *_ in asked] == [(["a"], "2024"), (["b"], "a=b #c: {d}")]


def test_numbers_are_numbers_however_they_are_written(asked):
    base = ["source=2024", "out=out"]
    assert command.main([*base, "min_seconds=2", "size=96", "max_offset=7", "keep=True", "workers=2", "splits="]) == 0
    assert command.main([*base, "min_seconds=2.0"]) == 0
    (_, _, first, how), (_, _, second, _) = asked
    assert repr(first) == repr(second) == repr(Settings())
    assert how == {"until": "shards", "check": None, "max_offset": 7, "keep": True, "workers": 2}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("word", "word is no argument"),
        ("colour=red", "colour=red is no argument"),
        ("size=big", "size=big is not what it may be; expected a whole number"),
        ("size=96.5", "expected a whole number"),
        ("min_seconds=2s", "min_seconds=2s is not what it may be; expected a number"),
        ("max_seconds=inf", "expected a number"),
        ("keep=maybe", "keep=maybe is not what it may be; expected true or false"),
        ("workers=two", "expected a whole number"),
        ("workers=0", "workers=0"),
        ("max_offset=1.5", "expected a whole number"),
        ("max_offset=-1", "max_offset=-1"),
        ("recipe=[a]", "recipe=[a] is not known"),
        ("clips_per_shard=0", "clips_per_shard=0 is too little; give 1 or more"),
        ("deadline=0", "deadline=0.0 gives every file up"),
        ("min_face=-1", "give 0 or more"),
        ("min_motion=-0.5", "give 0 or more"),
        ("crop=mouth", "crop=mouth is not known"),
        ("splits=a,b", "splits=a,b: expected some of"),
        ("splits=[a, b]", "splits=a,b: expected some of"),
        ("out=", "out missing"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, capsys, argument, said):
    (tmp_path / "a.mp4").touch()
    given = [f"source={tmp_path}", *([] if argument == "out=" else [f"out={tmp_path / 'out'}"]), argument]
    assert command.main(given) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line and not (tmp_path / "out").exists()


def test_help_tells_every_argument_with_its_default(capsys):
    for word in ("--help", "-h"):
        assert command.main([word]) == 0
        shown = capsys.readouterr().out
    for field in fields(Settings):
        assert f"  {field.name}={field.default} " in shown
    assert all(f"  {name}=" in shown for name in command.NAMES - {"source", "out"})


def test_a_stage_alone_is_told_by_its_own_account(tmp_path, capsys):
    folder = tmp_path / "train"
    folder.mkdir()
    write_video(folder / "a.mp4", np.zeros((30, 32, 32, 3), np.uint8), np.zeros(19_200, np.float32))
    given = [f"source={tmp_path}", f"out={tmp_path / 'out'}", "crop=frame", "size=32", "min_seconds=1", "workers=1"]
    assert command.main([*given, "splits=[train]"]) == 0
    assert command.main([*given, "stage=probe"]) == 0
    whole, probe = capsys.readouterr().out.splitlines()
    assert "1 clips from 1 of 1 files" in whole and "0 clips from 0 of 1 files" in probe
    assert len(read_index(tmp_path / "out" / "train")) == 1
