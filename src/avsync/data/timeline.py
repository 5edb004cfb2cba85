"""Every second of a source accounted for: kept, or dropped for one reason."""

from __future__ import annotations

import numpy as np

from avsync import clock

KEPT = "kept"


class Timeline:
    """What became of the frames of a source, counted at 25 fps.

    Args:
        default: What holds for frames that nobody says anything about.
        dropped: Intervals (first, last, reason) that were dropped already.
    """

    def __init__(self, default: str = "no face", dropped: list[list] | None = None):
        self.default = default
        self.dropped = [list(interval) for interval in dropped or []]
        self._kept: list[tuple[int, int]] = []

    def drop(self, first: int, last: int, reason: str) -> None:
        """Frames ``first``...``last - 1`` are not kept; where several reasons are given, the first one counts."""
        self.dropped.append([first, last, reason])

    def keep(self, first: int, last: int) -> None:
        """Frames ``first``...``last - 1`` are in a clip, whatever was said about another face in them."""
        self._kept.append((first, last))

    def seconds(self, first: int, last: int) -> dict[str, float]:
        """Seconds of frames ``first``...``last - 1`` by reason, ``kept`` among them; their sum is exact."""
        names = [self.default, KEPT, *sorted({reason for _, _, reason in self.dropped} - {self.default, KEPT})]
        state = np.zeros(max(0, last - first), np.uint8)

        def paint(begin: int, end: int, name: str) -> None:
            state[max(0, begin - first) : max(0, end - first)] = names.index(name)

        for begin, end, reason in reversed(self.dropped):
            paint(begin, end, reason)
        for begin, end in self._kept:
            paint(begin, end, KEPT)
        counts = np.bincount(state, minlength=len(names))
        return {name: clock.seconds(int(count)) for name, count in zip(names, counts, strict=True) if count}
