"""The functions are what the verbs are: the same settings, times in seconds, typed throughout."""

import argparse
import configparser
import inspect
import subprocess
import sys
from importlib.resources import files

import pytest

import avsync
from avsync import cli
from conftest import ROOT
from live import mouth_file

OTHERS = {"help", "list", "json", "out", "retry", "workers", "deadline", "files", "source", "target", "rttm", "video"}
"""Options of the command alone: what is done, and where rows and further files go."""
NAMES = {"rewrite_audio": "rewrite"}


def options_of(verb: str) -> set[str]:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers()
    for module in cli.VERBS:
        module.add(verbs)
    found = {action.dest for action in verbs.choices[verb]._actions} - OTHERS
    return {NAMES.get(name, name) for name in found}


@pytest.mark.parametrize("verb", avsync.VERBS)
def test_a_function_has_the_settings_of_its_verb_and_spells_them_out(verb):
    signature = inspect.signature(getattr(avsync, verb))
    assert all(one.kind is not one.VAR_KEYWORD for one in signature.parameters.values())
    assert all(one.annotation not in (one.empty, "Any") for one in signature.parameters.values())
    assert "Any" not in str(signature.return_annotation)
    assert options_of(verb) <= set(signature.parameters)
    for name in signature.parameters:
        assert f"    {name}: " in getattr(avsync, verb).__doc__, f"{verb} does not say what {name} is"


@pytest.mark.parametrize("verb", avsync.VERBS)
def test_the_defaults_are_those_of_the_command(verb):
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers()
    for module in cli.VERBS:
        module.add(verbs)
    parameters = inspect.signature(getattr(avsync, verb)).parameters
    for action in verbs.choices[verb]._actions:
        name = NAMES.get(action.dest, action.dest)
        if name in parameters and name not in OTHERS:
            assert parameters[name].default == action.default, f"{verb} {name}"


def test_the_classes_of_results_are_here_and_nothing_heavy_comes_before_they_are_asked_for():
    for name in avsync.RESULTS:
        assert inspect.isclass(getattr(avsync, name)) and getattr(avsync, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = avsync.Nothing
    code = "import avsync, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_results_are_of_the_classes_that_are_told(mouth_run, tmp_path):
    path, checkpoint = mouth_file(tmp_path / "mouth.mp4"), mouth_run / "checkpoints" / "best.ckpt"
    found = avsync.offset(path, checkpoint, crop="none")
    assert isinstance(found, avsync.FileResult) and isinstance(found.best, avsync.TrackResult)
    assert isinstance(found.estimate, avsync.Estimate)


def test_type_checkers_are_told_that_there_are_types():
    assert (files("avsync") / "py.typed").is_file()
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert "py.typed" in setup["options.package_data"]["avsync"]


@pytest.mark.parametrize(("seconds", "columns"), [(1.0, 51), (0.4, 21)])
def test_every_search_is_in_seconds(mouth_run, tmp_path, seconds, columns):
    path = mouth_file(tmp_path / "mouth.mkv", early=0.2)
    how = {"checkpoint": mouth_run / "checkpoints" / "best.ckpt", "crop": "none", "search": seconds}
    (*_, last) = avsync.watch(str(path), **how)
    found = [
        avsync.offset(path, **how).estimate,
        avsync.report(path, **how, page=tmp_path).result.estimate,
        last.best.estimate,
    ]
    assert all(len(one.curve) == columns and abs(one.offset - 0.2) <= 0.02 for one in found)
    assert len(avsync.drift(path, **how).runs[0].found.curve) == columns
    assert avsync.speakers(path, **how).offset == pytest.approx(0.2)
