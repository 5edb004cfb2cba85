import pytest

from avsync import clock


def test_conversions_round_instead_of_truncating():
    assert clock.frames(1.16) == 29  # int(1.16 * 25) is 28
    assert clock.samples(0.2) == clock.WINDOW_FRAMES * clock.SAMPLES_PER_FRAME


@pytest.mark.parametrize("count", [0, 1, 29, 90_001])
def test_frames_to_seconds_and_back(count):
    assert clock.frames(clock.seconds(count)) == count


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (0.12, "audio leads video by 120 ms"),
        (-0.0404, "audio lags video by 40 ms"),
        (0.0004, "audio and video are in sync"),
    ],
)
def test_the_sign_in_words(offset, words):
    assert clock.describe(offset) == words
