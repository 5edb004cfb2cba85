"""Time: frames, samples, feature steps, seconds, and the sign of an offset.

Everything outside this module speaks seconds. Conversions round, because ``int(1.16 * 25)`` is 28.

    video frame k covers   [k / 25, (k + 1) / 25) s      and is shown at k / 25 s
    audio sample n is at    n / 16000 s                   640 samples a frame
    feature step m covers  [m / 100, (m + 1) / 100) s     4 steps a frame

A window, the smallest input of a model, is 5 frames, 20 feature steps, 3200 samples: 0.2 s.

**Sign.** A positive offset means that the audio is early (it leads): the sound that belongs to the picture at
time t is found at time t - offset. The same sign as SyncNet's released code, Synchformer and ITU-R BT.1359.
"""

FPS = 25
SAMPLE_RATE = 16_000
STEP_RATE = 100
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
STEPS_PER_FRAME = STEP_RATE // FPS
WINDOW_FRAMES = 5
"""Frames in a window; SyncNet's, and every model's here."""


def frames(seconds: float) -> int:
    """Number of frames at 25 fps nearest to ``seconds``; also the index of the frame shown then."""
    return round(seconds * FPS)


def samples(seconds: float) -> int:
    """Number of samples at 16 kHz nearest to ``seconds``."""
    return round(seconds * SAMPLE_RATE)


def seconds(frames: float) -> float:
    """Seconds that ``frames`` (may be fractional) last at 25 fps."""
    return frames / FPS


def describe(offset: float) -> str:
    """An offset in words.

    Args:
        offset: Seconds; positive when the audio is early.

    Returns:
        For example ``"audio leads video by 120 ms"``, or ``"audio and video are in sync"`` below half a millisecond.

    Example:
        >>> describe(-0.08)
        'audio lags video by 80 ms'
    """
    milliseconds = round(abs(offset) * 1000)
    if milliseconds == 0:
        return "audio and video are in sync"
    return f"audio {'leads' if offset > 0 else 'lags'} video by {milliseconds} ms"
