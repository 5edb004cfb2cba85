"""One bar over all files of a verb, with the time that is left."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any


class Bar:
    """A bar on stderr, where that is a screen; files count by their size.

    Args:
        files: All that are to be done.
    """

    def __init__(self, files: list[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        # rows go to stdout, which may be a file, and are not to be caught
        self._bar = Progress(
            *columns, transient=True, console=console, disable=not console.is_terminal,
            redirect_stdout=False, redirect_stderr=False, speed_estimate_period=600.0,
        )  # fmt: skip
        self._size = {file: _size(file) for file in files} if console.is_terminal else {}
        self._shares: dict[str, float] = {}
        self._done, self._count, self._of = 0, 0, len(files)
        self._task: Any = self._bar.add_task(self._words(), total=sum(self._size.values()) or 1)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def told(self, file: str, share: float) -> None:
        """A share, 0...1, of a file is done."""
        self._shares[file] = share
        self._show()

    def finished(self, file: str) -> None:
        """All of it is."""
        self._shares.pop(file, None)
        self._done += self._size.get(file, 0)
        self._count += 1
        self._show()

    def pause(self) -> None:
        """Off the screen, for a row to be printed."""
        self._bar.stop()

    def resume(self) -> None:
        """And back."""
        self._bar.start()

    def _show(self) -> None:
        part = sum(share * self._size.get(file, 0) for file, share in self._shares.items())
        self._bar.update(self._task, completed=self._done + part, description=self._words())

    def _words(self) -> str:
        return f"{self._count} of {self._of} files"


def _size(file: str) -> int:
    try:
        return max(1, os.stat(file).st_size)
    except OSError:
        return 1
