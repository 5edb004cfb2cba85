"""Memory does not grow with the length of a file."""

import subprocess
import sys

import pytest

from avsync.synthetic.generate import generate_talkers
from longer import repeated

PREPARE = """
import resource, sys
from pathlib import Path
from avsync.data.clips import Settings
from avsync.data.job import Job
from avsync.data.sources import Source
from avsync.data.stages import prepare_source

row = prepare_source(Job(Source(Path(sys.argv[1]), "it"), Path(sys.argv[2]), Settings(max_seconds=4.0)))
print(row["seconds_kept"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_a_long_file_needs_no_more_memory_than_a_short_one(tmp_path):
    talker = generate_talkers(tmp_path / "drawn", train=1, seconds=8.0, quiet=True) / "train" / "train-00000.mkv"
    peak = {}
    for times in (2, 12):
        path = tmp_path / f"{times}.mkv"
        repeated(talker, path, times, 8.0)
        done = subprocess.run(
            [sys.executable, "-c", PREPARE, str(path), str(tmp_path / str(times))],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        kept, peak[times] = (float(word) for word in done.stdout.split())
        assert kept > 0.8 * 8 * times
    assert peak[12] - peak[2] < 30  # MB; 80 s more of sound and crops alone would be 60
