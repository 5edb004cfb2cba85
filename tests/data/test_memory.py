"""Memory does not grow with the length of a file."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from avsync.data.clips import Settings, Stretch
from avsync.data.stages import _with_sound
from avsync.data.timeline import Timeline
from avsync.media.sound import Sound, read_audio
from avsync.media.write import write_video
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


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A minute of it, of the first half second nothing."""
    path = tmp_path_factory.mktemp("noise") / "noise.mkv"
    heard = np.random.default_rng(0).uniform(-0.5, 0.5, 60 * 16_000).astype(np.float32)
    heard[:8000] = 0
    write_video(path, [np.zeros((16, 16, 3), np.uint8)] * 1500, heard)
    return path


def test_what_is_heard_before_the_first_face_is_not_held(noise):
    whole, sound, timeline = read_audio(noise), Sound(noise), Timeline()
    pieces = [Stretch(last - 50, np.zeros((50, 2, 2, 3), np.uint8)) for last in (100, 800, 1450)]
    tracemalloc.start()
    cut = [samples for piece in pieces for _, samples in _with_sound(piece, sound, Settings(max_seconds=2.0), timeline)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for piece, samples in zip(pieces, cut, strict=True):
        assert np.array_equal(samples, whole[640 * piece.first : 640 * piece.last])
    assert peak < 1.2e6  # bytes; half a minute is 2e6
    assert sound.end() == len(whole)


def test_what_is_forgotten_beyond_the_end_moves_no_end(noise):
    whole, sound = read_audio(noise), Sound(noise)
    sound.forget(len(whole) + 16_000)
    assert len(sound.cut(len(whole) + 16_000, len(whole) + 32_000)) == 0 and sound.end() == len(whole)
