"""Memory does not grow with the length of a measured file."""

import os
import subprocess
import sys

import pytest

from longer import repeated
from mouths import film_mouth

MEASURE = """
import resource, sys
import avsync

found = avsync.offset(sys.argv[1], "syncnet", crop="none", search=float(sys.argv[2]))
print(found.tracks[0].end, len(found.tracks[0].windows), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
SECONDS = 30.0
GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "131072"}
"""What is freed goes back at once: glibc's heap, which keeps 60 MB more or less of it, is not what is looked at."""


@pytest.mark.slow
@pytest.mark.parametrize(("search", "most"), [(1.0, 15), (30.0, 35)])
def test_a_long_file_needs_no_more_memory_than_a_short_one(tmp_path, search, most):
    film_mouth(tmp_path / "one.mkv", 700, seconds=SECONDS)
    peak = {}
    for times in (4, 16):
        path = repeated(tmp_path / "one.mkv", tmp_path / f"{times}.mkv", times, SECONDS)
        command = [sys.executable, "-c", MEASURE, str(path), str(search)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | GIVEN_BACK)
        end, windows, peak[times] = (float(word) for word in done.stdout.split())
        assert end == pytest.approx(SECONDS * times, abs=1) and windows > 3 * SECONDS * times
    # MB: at ±30 s a curve every 0.2 s has 1501 distances; six minutes more of crops and sound alone would be 270
    assert peak[16] - peak[4] < most, peak
