"""Speech with known phoneme times: espeak-ng, called through its shared library.

The engine (GPL-3) comes in the wheel of ``espeakng-loader`` and is loaded when it is first asked to speak.

Its events give a phoneme's start to the sample, with one habit that matters to lips: the silence in which the mouth
is closed for p, t or k is counted to the phoneme before, and the event marks the burst. Here a phoneme starts with
its closure and ``release`` says when it ends.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from avsync.errors import AvsyncError

PAUSE = ""
"""Symbol of a stretch without speech."""

_RETRIEVAL = 2
_PHONEME_EVENTS, _IPA = 1, 2
_UTF8, _END_OF_TEXT, _PHONEME = 1, 0, 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_STRESS = "ˈˌ"
_VOICELESS = "ptkcqʈʔ"
_VOICED = "bdɡgɟɖmnŋɲ"
_SILENT = 0.004
_LONGEST_CLOSURE = 0.13
_BURST = 0.015
_USUAL_CLOSURE = 0.03
_LOUDNESS_STEP = 22  # samples: a millisecond


@dataclass(frozen=True)
class Phoneme:
    """One sound of speech.

    Attributes:
        symbol: IPA without stress marks; "" is a pause.
        start: Seconds; of the closure if it is a stop.
        end: Seconds.
        release: Seconds; when the mouth opens again after the closure of a stop or nasal, otherwise ``start``.
        stressed: Carries primary stress.
    """

    symbol: str
    start: float
    end: float
    release: float
    stressed: bool = False


@dataclass(frozen=True)
class Speech:
    """Spoken text: waveform (S,) float32 in [-1, 1], its rate in Hz, and phonemes that cover it in order."""

    waveform: np.ndarray
    sample_rate: int
    phonemes: tuple[Phoneme, ...]


class _Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def say(text: str, voice: str = "en-us", *, rate: int = 170, pitch: int = 50, pitch_range: int = 50) -> Speech:
    """Speak a text. The same call always gives the same samples. Not for several threads at once.

    Args:
        text: In the voice's language; punctuation makes pauses.
        voice: espeak-ng's name for a language, with a variant if wanted: ``de``, ``en-us+f3``.
        rate: Words a minute, 80 to 450.
        pitch: 0 to 99.
        pitch_range: 0 (monotone) to 99.

    Returns:
        The speech, at the engine's rate (22050 Hz).

    Raises:
        AvsyncError: espeak-ng is not installed or does not know the voice.
    """
    paths = _engine_paths()
    # a library loaded afresh, and its noise generator seeded: what was said before leaves traces in the engine
    library = ctypes.CDLL(paths[0])
    ctypes.CDLL(None).srand(1)
    try:
        sample_rate = library.espeak_Initialize(_RETRIEVAL, 0, paths[1].encode(), _PHONEME_EVENTS | _IPA)
        if sample_rate <= 0:
            raise AvsyncError(f"espeak-ng cannot start with its data in {paths[1]}: reinstall espeakng-loader")
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise AvsyncError(f"espeak-ng knows no voice {voice!r}; expected a language such as 'en-us' or 'de+f2'")
        for parameter, value in ((_RATE, rate), (_VOLUME, 90), (_PITCH, pitch), (_RANGE, pitch_range)):
            library.espeak_SetParameter(parameter, value, 0)
        samples, events = _synthesize(library, text)
    finally:
        library.espeak_Terminate()
        _unload(library)
    waveform = samples.astype(np.float32) / 32768
    return Speech(waveform, sample_rate, _phonemes(events, waveform, sample_rate))


@lru_cache(maxsize=1)
def _engine_paths() -> tuple[str, str]:
    try:
        import espeakng_loader
    except ImportError:
        raise AvsyncError(
            "drawn talkers speak with espeak-ng, which is not installed: pip install 'avsync[synthetic]'"
        ) from None
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()


def _unload(library: Any) -> None:
    import _ctypes

    _ctypes.dlclose(library._handle)


def _synthesize(library: Any, text: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """The samples (S,) int16 and (first sample, IPA) of each phoneme."""
    chunks: list[np.ndarray] = []
    events: list[tuple[int, str]] = []

    def collect(wave: Any, count: int, event: Any) -> int:
        if count:
            chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while event[index].type != _END_OF_TEXT:
            if event[index].type == _PHONEME:
                symbol = bytes(event[index].id.string).decode("utf-8", "ignore")
                events.append((event[index].sample, symbol))
            index += 1
        return 0

    callback = _Callback(collect)
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    return np.concatenate(chunks or [np.zeros(0, np.int16)]), events


def _phonemes(events: list[tuple[int, str]], waveform: np.ndarray, rate: int) -> tuple[Phoneme, ...]:
    """Events as intervals without gaps, each stop's closure counted to the stop."""
    edges = [sample / rate for sample, _ in events] + [len(waveform) / rate]
    loud = _loudness(waveform)
    found: list[Phoneme] = []
    if edges[0] > 0:
        found.append(Phoneme(PAUSE, 0.0, edges[0], 0.0))
    for (_, marked), start, end in zip(events, edges, edges[1:], strict=False):
        symbol = marked.strip(_STRESS)
        if end <= start:
            continue
        closure, release = start, start
        if symbol[:1] and symbol[0] in _VOICELESS:
            earliest = 0.5 * (found[-1].start + start) if found else start
            closure = _closure_start(loud, _LOUDNESS_STEP / rate, start, earliest)
        elif symbol[:1] and symbol[0] in _VOICED:
            release = max(start, end - _BURST)
        found = _give_up_time(found, closure)
        found.append(Phoneme(symbol, closure, end, release, marked.startswith(_STRESS[0])))
    return tuple(found)


def _give_up_time(found: list[Phoneme], closure: float) -> list[Phoneme]:
    """The phonemes so far, the last one cut where the next one's closure starts."""
    while found and found[-1].start >= closure:
        found = found[:-1]
    if found and found[-1].end > closure:
        last = found[-1]
        kept = Phoneme(last.symbol, last.start, closure, min(last.release, closure), last.stressed)
        found = [*found[:-1], kept]
    return found


def _loudness(waveform: np.ndarray) -> np.ndarray:
    """Largest magnitude in each `_LOUDNESS_STEP` samples."""
    whole = waveform[: len(waveform) // _LOUDNESS_STEP * _LOUDNESS_STEP]
    return np.abs(whole).reshape(-1, _LOUDNESS_STEP).max(1)


def _closure_start(loud: np.ndarray, step: float, start: float, earliest: float) -> float:
    """When the silence began that ends with the burst at ``start``; a usual closure's length if there is none."""
    last = round(start / step) - 2
    first = last
    while first > 0 and start - first * step < _LONGEST_CLOSURE and loud[min(first, len(loud)) - 1] < _SILENT:
        first -= 1
    return first * step if last - first >= 8 else max(earliest, start - _USUAL_CLOSURE)
