"""Studies and benchmarks start: what they import is still there."""

import pytest

from conftest import ROOT, run_python

SHARED = "common.py"
SCRIPTS = sorted(
    script
    for folder in ("experiments", "benchmarks")
    for script in (ROOT / folder).glob("*.py")
    if script.name != SHARED
)


def test_there_are_some():
    assert len(SCRIPTS) >= 2


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_tells_how_it_is_used(script):
    done = run_python(script, "--help")
    assert done.returncode == 0, done.stderr
    assert script.stem in done.stdout
