"""Memory does not grow with the length of a measured file."""

import subprocess
import sys

import pytest

from avsync.media.write import write_video
from longer import repeated
from mouths import draw_mouth

MEASURE = """
import resource, sys
import avsync

found = avsync.offset(sys.argv[1], "syncnet", crop="none", search=float(sys.argv[2]))
print(found.tracks[0].end, len(found.tracks[0].windows), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
SECONDS = 30.0


@pytest.mark.slow
@pytest.mark.parametrize(("search", "most"), [(1.0, 15), (30.0, 90)])
def test_a_long_file_needs_no_more_memory_than_a_short_one(tmp_path, search, most):
    clip = draw_mouth(700, seconds=SECONDS)
    write_video(tmp_path / "one.mkv", clip.frames, clip.audio)
    peak = {}
    for times in (4, 16):
        path = repeated(tmp_path / "one.mkv", tmp_path / f"{times}.mkv", times, SECONDS)
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path), str(search)], check=True, capture_output=True, text=True
        )
        end, windows, peak[times] = (float(word) for word in done.stdout.split())
        assert end == pytest.approx(SECONDS * times, abs=1) and windows > 3 * SECONDS * times
    # MB: at ±30 s 58 were seen with curves of 1501 distances; six minutes more of crops and sound alone would be 270
    assert peak[16] - peak[4] < most
