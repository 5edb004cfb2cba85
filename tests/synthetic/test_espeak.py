"""Truth about speech: the engine's times against the waveform that it gives."""

import builtins

import numpy as np
import pytest

from avsync.errors import AvsyncError
from avsync.synthetic import espeak
from avsync.synthetic.espeak import say
from avsync.synthetic.texts import SPLITS, voices
from avsync.synthetic.words import GRAMMARS

pytest.importorskip("espeakng_loader")


def level(speech, start: float, end: float) -> float:
    part = speech.waveform[round(start * speech.sample_rate) : round(end * speech.sample_rate)]
    return float(np.abs(part).max(initial=0))


def test_phonemes_cover_the_speech_in_order():
    speech = say("My family bought five purple apples, because of the weather.")
    assert speech.phonemes[0].start == 0
    assert speech.phonemes[-1].end == pytest.approx(len(speech.waveform) / speech.sample_rate)
    for one, following in zip(speech.phonemes, speech.phonemes[1:], strict=False):
        assert one.end == following.start
        assert one.start <= one.release <= one.end


@pytest.mark.parametrize("voice", ["en-us", "en-us+f1", "de+m3", "es+Annie"])
@pytest.mark.parametrize("rate", [140, 230])
def test_p_is_silent_until_its_release_and_bursts_within_10_ms(voice, rate):
    speech = say("papapapapa", voice, rate=rate)
    inner = [one for one in speech.phonemes if one.symbol == "p" and one.start > 0]
    assert len(inner) >= 4
    for one in inner:
        assert one.release - one.start > 0.012  # the closure belongs to the stop
        assert level(speech, one.start + 0.003, one.release - 0.004) < 0.01
        assert level(speech, one.release, one.release + 0.01) > 0.012


def test_vowels_are_loud_and_pauses_are_silent():
    speech = say("Papa, mama.")
    loudest = np.abs(speech.waveform).max()
    for one in speech.phonemes:
        if one.symbol.startswith("ɑ"):
            assert level(speech, one.start, one.end) > 0.3 * loudest
        if one.symbol == espeak.PAUSE and one.end - one.start > 0.1:
            assert level(speech, one.start + 0.02, one.end) < 0.01 * loudest


def test_what_was_said_before_leaves_no_trace():
    first = say("The fox found the boat.", "en-us+m3")
    say("Etwas anderes.", "de+f2", rate=220, pitch=80)
    again = say("The fox found the boat.", "en-us+m3")
    assert np.array_equal(first.waveform, again.waveform)
    assert first.phonemes == again.phonemes


@pytest.mark.parametrize("language", GRAMMARS)
def test_every_language_knows_its_voices(language):
    for split in SPLITS:
        assert level(say("papa", voices(language, split)[-1]), 0, 1) > 0.02


def test_an_unknown_voice_is_named():
    with pytest.raises(AvsyncError, match="xx-nobody"):
        say("hello", "xx-nobody")


def test_without_the_engine_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "espeakng_loader":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    espeak._engine_paths.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(AvsyncError, match=r"pip install 'avsync\[synthetic\]'"):
        say("hello")
