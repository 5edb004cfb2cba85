"""Preparation that is killed at any moment, or runs elsewhere, gives the same shards."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avsync.data.shards import read_index, verified_shards
from avsync.synthetic.generate import generate_talkers

PREPARE = Path(__file__).parent.parent.parent / "data_prep" / "prepare.py"
KILLS = 20


def command(source, out, *more):
    return [sys.executable, str(PREPARE), f"source={source}", f"out={out}", "min_seconds=0.6", *more]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return generate_talkers(tmp_path_factory.mktemp("drawn"), train=6, seconds=1.4, workers=2, quiet=True) / "train"


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    start = time.monotonic()
    subprocess.run(command(source, out, "workers=2"), check=True, capture_output=True)
    return read_index(out), time.monotonic() - start


@pytest.mark.slow
def test_killed_at_twenty_random_moments(source, undisturbed, tmp_path):
    expected, lasts = undisturbed
    draw, killed = random.Random(0), 0
    while killed < KILLS:
        process = subprocess.Popen(
            command(source, tmp_path, "workers=2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(draw.uniform(0.05, 0.4) * lasts)
        except subprocess.TimeoutExpired:
            killed += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "summary.json").exists():  # it came through: what it says is true, and it begins anew
            assert read_index(tmp_path) == expected and verified_shards(tmp_path)
            shutil.rmtree(tmp_path)
    subprocess.run(command(source, tmp_path, "workers=1"), check=True, capture_output=True)
    assert read_index(tmp_path) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["failures.csv", "shards", "summary.json"]


@pytest.mark.slow
def test_ray_gives_the_same_bytes(source, undisturbed, tmp_path):
    pytest.importorskip("ray")
    subprocess.run(command(source, tmp_path, "workers=2", "engine=ray"), check=True, capture_output=True, timeout=300)
    assert read_index(tmp_path) == undisturbed[0]
