"""Clips checked by a trained network, as preparation does it."""

import pickle

import numpy as np
import pytest

from avsync.alignment.check import SyncCheck
from avsync.models.checkpoints import CheckpointError
from mouths import draw_mouth


@pytest.fixture(scope="module")
def check(mouth_run):
    return SyncCheck(str(mouth_run / "checkpoints" / "best.ckpt"))


@pytest.mark.parametrize("early", [0, 3, -4])
def test_a_shift_is_found(check, early):
    clip = draw_mouth(900, seconds=6.0)
    frames, audio = clip.frames, clip.audio
    # sound that is early by n frames: its beginning is missing
    shifted = np.roll(audio, -640 * early)
    offset, confidence = check(frames, shifted)
    assert offset == early and confidence > 0


def test_silence_is_undecided(check):
    clip = draw_mouth(901, seconds=3.0)
    assert check(clip.frames, np.zeros_like(clip.audio))[0] is None


def test_it_travels_to_other_processes_and_tells_networks_apart(check, mouth_run, tmp_path):
    assert pickle.loads(pickle.dumps(check)) == check
    with pytest.raises(CheckpointError):
        SyncCheck(str(tmp_path / "nothing.ckpt"))
