"""One function over many items, on the cores of this machine or on a Ray cluster, whatever single items do.

An item that takes its process down with it (a decoder that crashes, memory that runs out) costs the others nothing:
whoever was at work then is tried once more, alone, and named when it happens again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from avsync.errors import AvsyncError

Result = TypeVar("Result")
ENGINES = ("joblib", "ray")


class Crash(AvsyncError):
    """The process that worked on an item died, twice."""


def run_all(
    function: Callable[[Any], Result], items: dict[str, Any], *, workers: int, engine: str = "joblib"
) -> Iterator[tuple[str, Result | Crash]]:
    """Apply ``function`` to every item.

    Args:
        function: Can be pickled; its own exceptions are raised here.
        items: By key.
        workers: Processes; 1 works in this one, where a crash is everybody's.
        engine: ``joblib``, or ``ray``: the cluster that RAY_ADDRESS names, or this machine.

    Yields:
        (key, result), in the order they are done.

    Raises:
        AvsyncError: No such engine, or Ray is not installed.
    """
    if engine not in ENGINES:
        raise AvsyncError(f"engine={engine} is not known; expected one of {', '.join(ENGINES)}")
    return (_on_ray if engine == "ray" else _on_cores)(function, items, workers)


def _on_cores(
    function: Callable[[Any], Result], items: dict[str, Any], workers: int
) -> Iterator[tuple[str, Result | Crash]]:
    left = dict(items)
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder)
        while left:
            try:
                for key, result in _joblib(function, dict(left), workers, marks):
                    del left[key]
                    yield key, result
            except TerminatedWorkerError:
                for mark in sorted(marks.iterdir()):
                    key = mark.read_text()
                    mark.unlink()
                    if key in left:
                        yield key, _alone(function, key, left.pop(key), marks)


def _alone(function: Callable[[Any], Result], key: str, item: Any, marks: Path) -> Result | Crash:
    try:
        # two workers, or joblib would work in this process
        ((_, result),) = _joblib(function, {key: item}, 2, marks)
    except TerminatedWorkerError:
        return Crash("the process that read it died, twice; look at this file")
    return result


def _joblib(
    function: Callable[[Any], Result], items: dict[str, Any], workers: int, marks: Path
) -> Iterator[tuple[str, Result]]:
    jobs = (joblib.delayed(_marked)(function, key, item, marks) for key, item in items.items())
    with warnings.catch_warnings():
        # joblib replaces workers that have grown, and tells
        warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
        yield from joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)


def _marked(function: Callable[[Any], Result], key: str, item: Any, marks: Path) -> tuple[str, Result]:
    """Leave a mark while at work."""
    mark = marks / hashlib.sha256(key.encode()).hexdigest()
    mark.write_text(key)
    try:
        return key, function(item)
    finally:
        mark.unlink(missing_ok=True)


def _on_ray(
    function: Callable[[Any], Result], items: dict[str, Any], workers: int
) -> Iterator[tuple[str, Result | Crash]]:
    try:
        import ray
    except ImportError as error:
        raise AvsyncError("engine=ray needs Ray; pip install 'avsync[ray]'") from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False, **_size(workers))
    task = ray.remote(num_cpus=1, max_retries=1)(function)
    waiting = {task.remote(item): key for key, item in items.items()}
    while waiting:
        (done,), _ = ray.wait(list(waiting), num_returns=1)
        key = waiting.pop(done)
        try:
            yield key, ray.get(done)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
            yield key, Crash(f"the process that read it died, twice ({type(error).__name__}); look at this file")
        except ray.exceptions.RayTaskError as error:  # its text is a traceback
            raise error.cause from None


def _size(workers: int) -> dict[str, Any]:
    """A cluster knows its own size."""
    return {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers}
