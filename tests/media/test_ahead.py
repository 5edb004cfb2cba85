import threading
import time

import pytest

from avsync.errors import MediaError
from avsync.media.ahead import ahead


def test_the_same_items_in_order():
    assert list(ahead(range(1000), 3)) == list(range(1000))
    assert list(ahead([], 3)) == [] and list(ahead([None, None], 1)) == [None, None]


def test_no_more_than_so_many_are_made_ahead():
    made = []

    def items():
        for k in range(100):
            made.append(k)
            yield k

    taken = ahead(items(), 4)
    next(taken)
    time.sleep(0.3)
    assert 4 <= len(made) <= 6
    taken.close()


def test_errors_come_in_their_turn():
    def items():
        yield 1
        raise MediaError("damaged")

    taken = ahead(items(), 4)
    assert next(taken) == 1
    with pytest.raises(MediaError, match="damaged"):
        next(taken)


def test_who_stops_taking_leaves_no_thread_and_nothing_open():
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread())

    before = threading.active_count()
    taken = ahead(items(), 2)
    assert next(taken) == 0
    taken.close()
    assert len(closed) == 1 and closed[0] is not threading.main_thread() and threading.active_count() == before


def test_waiting_overlaps():
    def slow():
        for k in range(5):
            time.sleep(0.1)
            yield k

    start = time.monotonic()
    for _ in ahead(slow(), 3):
        time.sleep(0.1)
    assert time.monotonic() - start < 0.9  # one after the other: 1 s
