"""From phonemes to lips."""

import numpy as np
import pytest

from avsync.synthetic.espeak import PAUSE, Phoneme
from avsync.synthetic.identity import draw_identity
from avsync.synthetic.mouth import mouth_shape
from avsync.synthetic.visemes import BITE, JAW, OPEN, PRESS, ROUND, WIDTH, Style, base_sounds, mouth_poses


def spell(*symbols: str, each: float = 0.1) -> tuple[Phoneme, ...]:
    return tuple(Phoneme(symbol, k * each, (k + 1) * each, k * each + 0.07) for k, symbol in enumerate(symbols))


def pose_of(*symbols: str, at: float, each: float = 0.1) -> np.ndarray:
    return mouth_poses(spell(*symbols, each=each), np.array([at]))[0]


@pytest.mark.parametrize("bilabial", ["p", "b", "m"])
@pytest.mark.parametrize("each", [0.04, 0.1])
def test_bilabials_close_the_lips_however_quick(bilabial, each):
    phonemes = tuple(
        Phoneme(symbol, k * each, (k + 1) * each, (k + 0.8) * each) for k, symbol in enumerate(["ɑː", bilabial, "ɑː"])
    )
    times = np.linspace(phonemes[1].start, phonemes[1].release, 5)
    poses = mouth_poses(phonemes, times, np.ones(5), Style(strength=1.25))
    assert poses[:, OPEN].max() < 1e-6
    for seed in range(5):
        assert max(mouth_shape(draw_identity("x", np.random.default_rng(seed)), pose).opening for pose in poses) < 0.7


def test_vowels_differ_as_they_do_on_a_face():
    a, i, u, f = (pose_of("k", symbol, "k", at=0.15) for symbol in ("ɑː", "iː", "uː", "f"))
    assert a[OPEN] > 2 * i[OPEN] and a[JAW] > 2 * u[JAW]
    assert i[WIDTH] > 0.5 > u[WIDTH] and u[ROUND] > 0.7 > a[ROUND]
    assert f[BITE] > 0.7


def test_diphthongs_and_affricates_move_within_themselves():
    assert base_sounds("aɪ") == ["a", "i" if "ɪ" not in base_sounds("ɪ") else "ɪ"]
    assert base_sounds("tʃ") == ["t", "ʃ"]
    early, late = (pose_of("k", "aɪ", "k", at=at, each=0.2) for at in (0.23, 0.37))
    assert early[OPEN] > late[OPEN] + 0.2


def test_lips_round_before_the_rounded_vowel():
    before, without = (pose_of("k", "s", vowel, at=0.18)[ROUND] for vowel in ("uː", "iː"))
    assert before > without + 0.1


def test_pauses_rest():
    pose = mouth_poses((Phoneme(PAUSE, 0.0, 1.0, 0.0),), np.array([0.5]))[0]
    assert pose[OPEN] < 0.02 and pose[PRESS] < 0.3


def test_louder_speech_opens_further():
    phonemes, at = spell("k", "ɑː", "k"), np.array([0.15])
    quiet, loud = (mouth_poses(phonemes, at, np.array([level]))[0] for level in (0.3, 1.0))
    assert loud[OPEN] > 1.2 * quiet[OPEN]
