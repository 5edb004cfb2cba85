"""A verb's work on many files: here, or by processes of which any may die or hang without harm to the others.

A file's row is what the work gives; of a file that cannot be used it is ``{"file": ..., "error": ...}``.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
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
        try:
            with watchdog(deadline, file) as dog:

                def lives(done: float, file: str = file, dog: Any = dog) -> None:
                    dog.start()
                    told(file, done)

                row = work(file, lives)
        except AvsyncError as error:
            row = {"file": file, "error": str(error)}
        yield row


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
        self._process.start()
        theirs.close()  # so that its end closes when the process dies

    def give(self, file: str | None) -> None:
        """The next file; None lets it rest."""
        self.file, self._sign = file, time.monotonic()
        if file is not None:
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
        self._replace()
        return {
            "error": f"{self.file}: nothing came from it for {deadline:.0f} s; look at the file, or raise --deadline"
        }

    def _replace(self) -> None:
        self.end()
        self._start()

    def end(self) -> None:
        """Stop it, whatever it is doing."""
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, work: Work, crew: int) -> None:
    """What a process does: files in, shares done and rows out, until nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends this process
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // crew)))  # torch, not imported yet, goes by it
    try:
        pipe.send("ready")
        while True:
            pipe.send(_row(work, pipe.recv(), pipe))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _row(work: Work, file: str, pipe: Connection) -> Row:
    try:
        return work(file, partial(_tell, pipe))
    except AvsyncError as error:
        return {"error": str(error)}
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # one file of 70,000: the row says what it was, and the others go on
        what = " ".join(str(error).split())
        return {"error": f"{file}: {type(error).__name__}: {what}; a fault of avsync's, please report it"}


def _tell(pipe: Connection, done: float) -> None:
    pipe.send(float(done))
