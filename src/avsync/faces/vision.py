"""OpenCV and mediapipe, imported in one place: with a readable error, and without their log on the user's screen."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import ModuleType

from avsync.errors import AvsyncError

os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _put_off(*names: str) -> Iterator[None]:
    """Who imports these modules in the block gets some that are read when something of them is used."""
    stand_ins = {name: ModuleType(name) for name in names if name not in sys.modules}

    def remove() -> None:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]

    def read(name: str, wanted: str) -> object:
        if wanted.startswith("__"):  # who looks through all modules wants none of them
            raise AttributeError(wanted)
        remove()
        return getattr(import_module(name), wanted)

    for name, module in stand_ins.items():
        module.__getattr__ = partial(read, name)  # type: ignore[method-assign]
        package, _, own = name.rpartition(".")
        if package in stand_ins:
            setattr(stand_ins[package], own, module)
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        remove()


try:
    import cv2

    # half a second, for pictures of mediapipe's that nobody here draws
    with _put_off("matplotlib", "matplotlib.pyplot"):
        import mediapipe
except ImportError as error:
    raise AvsyncError(
        f"faces need OpenCV and mediapipe, and importing them failed ({error}); on a machine without a screen "
        "libGL is missing: pip uninstall opencv-contrib-python; pip install opencv-contrib-python-headless"
    ) from error

cv2.setNumThreads(1)  # pictures are small here: its threads, which wait by spinning, cost more than they bring

__all__ = ["cv2", "mediapipe", "quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what C++ code writes to stderr off the screen while the block runs.

    mediapipe's log library has no switch that Python can reach, and greets with warnings each time that a graph
    starts. Python's own stderr goes the same way for these milliseconds.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # no stderr to silence: a daemon
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
