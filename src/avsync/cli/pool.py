"""A verb's work on many files: here, or by processes of which any may die or hang without harm to the others.

A file's row is what the work gives; of a file that cannot be used it is ``{"file": ..., "error": ...}``.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any

from avsync.errors import AvsyncError
from avsync.media.watchdog import watchdog

Row = dict[str, Any]
Work = Callable[[str, Callable[[float], None]], Row]
"""File and progress (called with the share that is done, 0...1) to the row of the file."""

Told = Callable[[str, float], None]
"""Told a file and how much of it is done."""

PROCESSES = multiprocessing.get_context("spawn")  # a forked child of a program with threads may hang


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def here(work: Work, files: Iterable[str], deadline: float, told: Told) -> Iterator[Row]:
    """One file after the other, in this process.

    Args:
        work: A verb's.
        files: As :func:`avsync.cli.listed.listed` gives them.
        deadline: Seconds without progress after which a file is given up; 0 never does.
        told: See there.

    Yields:
        A row a file, in order.
    """
    for file in files:
        yield _row(partial(_watched, work, deadline, told), file)


def _watched(work: Work, deadline: float, told: Told, file: str) -> Row:
    with watchdog(deadline, file, "--deadline") as dog:

        def lives(done: float) -> None:
            dog.start()
            told(file, done)

        return work(file, lives)


def _row(work: Callable[[str], Row], file: str) -> Row:
    """The row of a file, whatever happens: it says what it was, and the others go on."""
    try:
        return work(file)
    except AvsyncError as error:
        return {"file": file, "error": str(error)}
    except Exception as error:  # not foreseen, in one file of 70,000
        what = " ".join(str(error).split())
        return {
            "file": file,
            "error": f"{file}: {type(error).__name__}: {what}; a fault of avsync's, please report it",
        }


def spread(work: Work, files: list[str], workers: int, deadline: float, told: Told) -> Iterator[Row]:
    """Several files at a time, each process with one of them, its network and its share of the cores.

    A file whose process dies is tried once more when all others are done, alone: memory that ran out may have been
    its neighbours' doing.

    Args:
        work: Can be pickled.
        files: As for :func:`here`.
        workers: Processes.
        deadline: The same; the process of such a file is killed, whatever it hangs in.
        told: The same.

    Yields:
        A row a file, in the order in which they are done.

    Raises:
        AvsyncError: Processes cannot be started.
    """
    died: list[str] = []
    for row in _turn(work, files, workers, deadline, told):
        if row.get("error") is _DIED:
            died.append(row["file"])
        else:
            yield row
    for row in _turn(work, died, 1, deadline, told):
        if row.get("error") is _DIED:
            row["error"] = f"{row['file']}: the process that read it died, twice; look at this file"
        yield row


_DIED = "died"
_MOMENT = 5.0


def _turn(work: Work, files: list[str], workers: int, deadline: float, told: Told) -> Iterator[Row]:
    left = iter(files)
    crew = [_Worker(work, workers) for _ in range(min(workers, len(files)))]
    try:
        for worker in crew:
            worker.give(next(left, None))
        while busy := {worker.pipe: worker for worker in crew if worker.file is not None}:
            ready = [busy[pipe] for pipe in wait(list(busy), timeout=1.0)]  # type: ignore[index]
            for worker in busy.values():
                file = worker.file
                row = worker.listen(told) if worker in ready else worker.late(deadline)
                if row is not None:
                    worker.give(next(left, None))
                    yield {"file": file, **row}
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A process and the file it is at."""

    def __init__(self, work: Work, crew: int) -> None:
        self._work, self._crew = work, crew
        self.file: str | None = None
        self._start()

    def _start(self) -> None:
        self.pipe, theirs = PROCESSES.Pipe()
        self._ready = False
        self._process = PROCESSES.Process(target=_serve, args=(theirs, self._work, self._crew), daemon=True)
        with _deaf_to_ctrl_c():
            self._process.start()
        theirs.close()  # so that its end closes when the process dies

    def give(self, file: str | None) -> None:
        """The next file; None lets it rest."""
        self.file, self._sign = file, time.monotonic()
        if file is not None:
            with suppress(BrokenPipeError):  # it died since it last spoke, which is heard when it is listened to
                self.pipe.send(file)

    def listen(self, told: Told) -> Row | None:
        """What it has to say: the row when it is done."""
        self._sign = time.monotonic()
        try:
            said = self.pipe.recv()
        except (EOFError, OSError):
            if not self._ready:
                raise AvsyncError("a process could not be started; try --workers 1 without --out") from None
            self._replace()
            return {"error": _DIED}
        if isinstance(said, float) and self.file is not None:
            told(self.file, said)
        self._ready = True
        return said if isinstance(said, dict) else None

    def late(self, deadline: float) -> Row | None:
        """The row of a file from which nothing has come for too long."""
        if not deadline or time.monotonic() - self._sign < deadline:
            return None
        file = self.file
        self._replace()
        return {"error": f"{file}: nothing came from it for {deadline:.0f} s; look at the file, or raise --deadline"}

    def _replace(self) -> None:
        self.file = None  # it is past doing anything
        self.end()
        self._start()

    def end(self) -> None:
        """Stop it, whatever it is doing; at a file, it has a moment to take away what it has begun to write."""
        self.pipe.close()
        if self.file is not None:
            self._process.terminate()
            self._process.join(_MOMENT)
        self._process.kill()
        self._process.join()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What is started now does not hear Ctrl-C: this process does, and ends it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, work: Work, crew: int) -> None:
    """What a process does: files in, shares done and rows out, until nobody listens."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // crew)))  # torch, not imported yet, goes by it
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send("ready")
        while True:
            pipe.send(_row(partial(_telling, work, pipe), pipe.recv()))


def _telling(work: Work, pipe: Connection, file: str) -> Row:
    def tell(done: float) -> None:
        try:
            pipe.send(float(done))
        except (BrokenPipeError, ConnectionResetError):
            raise SystemExit from None  # nobody listens: no fault of the file's, and no reason to go on

    return work(file, tell)
