"""Work that is done ahead by a thread: a decoder runs on one core while faces are followed on another."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

Item = TypeVar("Item")
_PATIENCE = 5.0
"""Seconds given to a thread to stop; one that hangs in a decoder does not, and is left behind."""


def ahead(items: Iterable[Item], most: int) -> Iterator[Item]:
    """The same items in the same order, made by a thread up to ``most`` ahead of who takes them.

    What the items' own code raises is raised here, in its turn. Code that does not let go of Python's lock gains
    nothing by this; decoders, networks and mediapipe do.

    Args:
        items: Iterated in the thread; if it is a generator, closed there too.
        most: How many may wait, which is memory.
    """
    line = _Line(most)
    thread = threading.Thread(target=line.fill, args=(items,), daemon=True)
    thread.start()
    try:
        while True:
            item, end = line.waiting.get()
            if isinstance(end, StopIteration):
                return
            if end is not None:
                raise end
            yield item
    finally:
        line.stop.set()
        thread.join(_PATIENCE)


class _Line:
    """What waits between a thread and who takes it: items, and at the end why there are no more."""

    def __init__(self, most: int) -> None:
        self.waiting: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(most)
        self.stop = threading.Event()

    def fill(self, items: Iterable[Any]) -> None:
        """The thread's work."""
        end: BaseException = StopIteration()
        made = iter(items)
        try:
            for item in made:
                self._put(item, None)
                if self.stop.is_set():
                    break
        except BaseException as error:  # raised again where the items are taken
            end = error
        finally:
            if hasattr(made, "close"):
                made.close()
        self._put(None, end)

    def _put(self, item: Any, end: BaseException | None) -> None:
        while not self.stop.is_set():
            try:
                return self.waiting.put((item, end), timeout=0.1)
            except queue.Full:
                continue


class Here(Executor):
    """Does what it is given at once, where it is asked: for processes that have a core each and no use for threads."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Done when it returns; what ``work`` raises is raised here."""
        done: Future[Any] = Future()
        done.set_result(work(*args, **named))
        return done
