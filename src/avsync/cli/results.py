"""RESULTS.jsonl: a row a file, each on the disk before the next is begun, so that a run can be killed and go on.

RESULTS.jsonl                 one JSON object a line: the verb's row, or file and error
RESULTS.jsonl.settings.json   what was asked: rows of different settings do not mix
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

from avsync.cli.listed import same
from avsync.errors import AvsyncError
from avsync.media.atomic import whole_file

Row = dict[str, Any]


def begun(path: str | Path | None) -> float | None:
    """When the run of these rows began, seconds since 1970; None before its first start, and without rows."""
    with suppress(OSError):
        return _beside(Path(path)).stat().st_mtime if path is not None and Path(path).exists() else None
    return None


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".settings.json")


class Results:
    """Rows of a run, those of its earlier lives included.

    Args:
        path: Of the rows; made if it is not there.
        settings: Plain values that rows depend on.
        retry: Take rows of files that could not be used out first.

    Attributes:
        files: Those that have a row, see :func:`avsync.cli.listed.same`.

    Raises:
        AvsyncError: The rows were made with other settings, are no rows, or somebody else is writing them.
    """

    def __init__(self, path: str | Path, settings: Row, retry: bool = False) -> None:
        self.path = Path(path)
        self.files: set[str] = set()
        self._stream = self._opened()
        self._agree(json.loads(json.dumps(settings, default=str)))
        if retry:
            self._forget_errors()

    def __enter__(self) -> Results:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stream.close()

    def _opened(self) -> FileIO:
        try:
            stream = FileIO(self.path, "a+")
        except OSError as error:
            raise AvsyncError(f"{self.path}: cannot be written ({error.strerror}); give another --out") from error
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.close()
            raise AvsyncError(f"{self.path}: another run is writing it; wait for that, or give another --out") from None
        return stream

    def _forget_errors(self) -> None:
        with whole_file(self.path) as partial, partial.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in self.rows() if "error" not in row)
        self._stream.close()
        self._stream, self.files = self._opened(), set()

    def _agree(self, settings: Row) -> None:
        beside = _beside(self.path)
        if not os.fstat(self._stream.fileno()).st_size:
            with whole_file(beside) as partial:
                partial.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
            return
        try:
            before = json.loads(beside.read_text())
        except (OSError, ValueError):
            raise AvsyncError(
                f"{self.path}: holds something and {beside.name} does not tell what; give another --out"
            ) from None
        changed = [name for name in {**before, **settings} if before.get(name) != settings.get(name)]
        if changed:
            name = changed[0]
            raise AvsyncError(
                f"{self.path}: its rows were made with {name} {before.get(name)}, this run has {settings.get(name)}; "
                "give the same, or another --out"
            )

    def rows(self) -> Iterator[Row]:
        """The rows that are there, once; what a kill left of a last line is cut off."""
        self._stream.seek(0)
        end = 0
        with os.fdopen(os.dup(self._stream.fileno()), "rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith(b"\n"):
                    break
                row = _parsed(line)
                if row is None:
                    raise AvsyncError(f"{self.path}: line {number} is no row; remove it, or give another --out")
                end += len(line)
                self.files.add(same(row["file"]))
                yield row
        self._stream.truncate(end)

    def add(self, row: Row) -> None:
        """Write a row down; it is on the disk when this returns.

        Raises:
            AvsyncError: It cannot be written: the disk is full.
        """
        line = (json.dumps(row) + "\n").encode()
        try:
            while line:
                line = line[self._stream.write(line) :]
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise AvsyncError(
                f"{self.path}: cannot be written ({error.strerror}); make room and run the same command again"
            ) from error
        self.files.add(same(row["file"]))


def _parsed(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("file"), str) else None
