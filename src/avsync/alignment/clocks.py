"""Mismatches of clocks that people meet, by how fast sound and picture part."""

_CAUSES = (
    (1e6 * (1001 / 1000 - 1), "24 against 23.976, or 30 against 29.97, pictures a second; or 48000 against 47952 Hz"),
    (1e6 * (25 / 24 - 1), "25 against 24 pictures a second"),
    (1e6 * (25025 / 24000 - 1), "25 against 23.976 pictures a second"),
    (1e6 * (48000 / 44100 - 1), "48000 against 44100 Hz"),
)


def known_cause(ppm: float, error: float) -> str | None:
    """The mismatch that drifts like this, in words, if one does within 1 % or three standard deviations.

    Args:
        ppm: Microseconds a second by which the sound gets earlier, or later below 0.
        error: Standard deviation of it; a line that is this uncertain by more than 5 % has no known cause.
    """
    for known, words in _CAUSES:
        for either in (known, 1e6 * (1 - 1 / (1 + known / 1e6))):
            if abs(abs(ppm) - either) <= min(max(3 * error, 0.01 * either), 0.05 * either):
                return words
    return None
