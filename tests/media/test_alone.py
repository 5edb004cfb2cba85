"""A folder that one process at a time makes, a file that is being read."""

import errno
import fcntl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from avsync.media.atomic import alone, is_read, reading

HOLD = """
import sys, time
from pathlib import Path
from avsync.media.atomic import alone, is_read, reading
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_at_a_time_however_many_come(tmp_path):
    inside, most = [], []

    def make(number: int) -> None:
        with alone(tmp_path):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.02)
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(24)))
    assert most == [1] * 24 and list(tmp_path.iterdir()) == []


def test_who_dies_lets_go_and_who_waits_says_so(tmp_path, caplog):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with ThreadPoolExecutor(1) as pool:

        def make() -> float:
            with alone(tmp_path):
                return time.monotonic()

        waiting = pool.submit(make)
        while "another process is making it" not in caplog.text:
            time.sleep(0.01)
        assert not waiting.done()
        killed = time.monotonic()
        holder.kill()
        assert waiting.result(timeout=10) > killed
    holder.wait()
    holder.stdout.close()


def test_an_error_lets_go(tmp_path):
    with pytest.raises(ValueError, match="inside"), alone(tmp_path):
        raise ValueError("inside")
    with alone(tmp_path):
        pass


def test_where_nothing_can_be_locked_it_goes_on(tmp_path, monkeypatch):
    with alone(tmp_path / "not there"):
        pass

    def refused(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with alone(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_who_reads_is_known_until_the_last_has_ended(tmp_path):
    path = tmp_path / "index"
    assert not is_read(path)
    with reading(path):  # nothing to read
        assert not is_read(path)
    path.touch()
    with reading(path):
        with reading(path):
            assert is_read(path)
            child = get_context("fork").Process(target=time.sleep, args=(60,))  # like one that makes batches
            child.start()
        assert is_read(path)
    assert not is_read(path)
    child.kill()
    child.join()


def test_where_nothing_can_be_locked_it_is_read_unknown(tmp_path, monkeypatch):
    def refused(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    path = tmp_path / "index"
    path.touch()
    with reading(path):
        assert not is_read(path)
