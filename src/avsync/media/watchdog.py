"""Giving up on a file from which nothing more comes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from avsync.errors import MediaError

Item = TypeVar("Item")


class Watchdog:
    """Counts the seconds since the last sign of life; see :func:`watchdog`."""

    def __init__(self, seconds: float):
        # only a program's first thread gets signals; elsewhere nothing can interrupt a call that hangs
        self._seconds = seconds if threading.current_thread() is threading.main_thread() else 0.0

    def start(self) -> tuple[float, float]:
        """Begin to count again; returns the timer that ran before."""
        return signal.setitimer(signal.ITIMER_REAL, self._seconds) if self._seconds else (0.0, 0.0)

    def following(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items; each is a sign of life."""
        for item in items:
            self.start()
            yield item


@contextmanager
def watchdog(seconds: float, subject: object, option: str = "deadline=") -> Iterator[Watchdog]:
    """End the block with an error when no sign of life comes for some time.

    Args:
        seconds: Without a sign of life; 0 never ends.
        subject: Named in the error.
        option: How ``seconds`` are given where people give them, named there too.

    Raises:
        MediaError: Nothing came for that long.
    """

    def bark(*_: Any) -> None:
        raise MediaError(f"{subject}: nothing came from it for {seconds:.0f} s; look at the file, or raise {option}")

    dog = Watchdog(seconds)
    if threading.current_thread() is not threading.main_thread():
        yield dog
        return
    handler = signal.signal(signal.SIGALRM, bark)
    before = dog.start()
    try:
        yield dog
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *before)
