"""Damage is told: every file of the corpus gets the verdict it deserves, in time."""

import time

import pytest
from damaged import DAMAGED, GOOD, KINDS, draw_corpus

from avsync.errors import MediaError
from avsync.media.damage import Account
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.read import read_audio, read_frames

DEADLINE = 10.0
EVEN = 0.5


def problem(path):
    """What is wrong with a file, read to its end; None when nothing is."""
    account = Account()
    try:
        require_picture_and_sound(probe(path))
        read_audio(path, account=account)
        for _ in read_frames(path, account=account):
            pass
    except MediaError as error:
        return str(error)
    apart = abs(account.end("video") - account.end("audio"))
    return account.problem() or (f"picture and sound end {apart:.2f} s apart" if apart > EVEN else None)


def judge(folder, count, seed):
    """Names whose verdict is not the expected one, and what was said about them."""
    wrong = {}
    for name, expected in draw_corpus(folder, count, seed).items():
        start = time.monotonic()
        said = problem(folder / name)
        assert time.monotonic() - start < DEADLINE, name
        assert said is None or "\n" not in said
        if (DAMAGED if said else GOOD) != expected:
            wrong[name] = str(said)
    return wrong


def test_every_kind_of_damage_is_told_and_nothing_else(tmp_path):
    assert judge(tmp_path, len(KINDS), 0) == {}


@pytest.mark.slow
def test_two_hundred_files_get_their_verdicts(tmp_path):
    assert judge(tmp_path, 200, 1) == {}
