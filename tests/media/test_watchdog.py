import signal
import threading
import time

import pytest

from avsync.errors import MediaError
from avsync.media.watchdog import watchdog


def slow(*pauses):
    for pause in pauses:
        time.sleep(pause)
        yield pause


def test_a_file_from_which_nothing_comes_is_given_up():
    start = time.monotonic()
    with pytest.raises(MediaError, match="a.mp4: nothing came from it"), watchdog(0.3, "a.mp4") as dog:
        list(dog.following(slow(0.01, 30)))
    assert time.monotonic() - start < 5
    with pytest.raises(MediaError, match=r"raise --deadline$"), watchdog(0.05, "a.mp4", "--deadline"):
        time.sleep(30)


def test_slow_is_not_dead():
    with watchdog(0.5, "a.mp4") as dog:
        assert len(list(dog.following(slow(0.2, 0.2, 0.2, 0.2)))) == 4


def test_the_timer_that_ran_before_goes_on():
    rang = []
    handler = signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
    before = signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        with watchdog(10, "a.mp4"):
            pass
        time.sleep(0.6)
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *before)
    assert rang


def test_other_threads_work_without_it():
    done = []

    def work():
        with watchdog(0.1, "a.mp4") as dog:
            done.extend(dog.following(slow(0.01, 0.2)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(done) == 2
