"""The files a verb is given: one by one, as folders, as a list."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from avsync.data.sources import SUFFIXES, videos
from avsync.errors import AvsyncError


def listed(given: list[str], table: str | None = None) -> list[str]:
    """Every file, in the order given; a folder stands for the videos below it.

    Args:
        given: Files and folders.
        table: A file with one path a line, ``-`` for stdin; None for none.

    Raises:
        AvsyncError: There is no file, a folder holds no video, or the list cannot be read.
    """
    return [file for path in _given(given, table) for file in _below(path)]


def named(given: list[str], table: str | None = None, apart: str | None = None) -> dict[str, str]:
    """Every file once, and what a thing that is made of it is called: as it, with its path below a folder given.

    Args:
        given: As for :func:`listed`.
        table: The same.
        apart: A folder of results: what lies there is not taken for footage when a folder around it is given.

    Raises:
        AvsyncError: As there, or nothing is left.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    for path in _given(given, table):
        inner = apart if apart is not None and _within(apart, path) else None
        for file in _below(path):
            if same(file) in seen or (inner is not None and _within(file, inner)):
                continue
            seen.add(same(file))
            found[file] = os.path.basename(file) if file == path else os.path.relpath(file, path)
    if not found:
        raise AvsyncError(f"every video that was given lies in {apart}, for what is made of them; give others")
    return found


def once(files: list[str], done: set[str]) -> list[str]:
    """The files that are not done yet, each once.

    Args:
        files: As :func:`listed` gives them.
        done: What :func:`same` says of those that are.
    """
    left: dict[str, str] = {}
    for file in files:
        if same(file) not in done:
            left.setdefault(same(file), file)
    return list(left.values())


def same(file: str) -> str:
    """What two spellings of a path have in common."""
    return os.path.normpath(file)


def _within(path: str, folder: str) -> bool:
    """Whether a path lies below a folder and is not that itself."""
    return os.path.abspath(path).startswith(os.path.join(os.path.abspath(folder), ""))


def _given(given: list[str], table: str | None) -> list[str]:
    paths = [*given, *(_lines(table) if table else [])]
    if not paths:
        raise AvsyncError("no file was given; name files, folders of videos, or --list FILE with one path a line")
    return paths


def _below(path: str) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path  # one that is not there is told when its turn comes, beside the others
        return
    found = videos(Path(path))
    if not found:
        raise AvsyncError(f"{path}: no video in this folder; expected files that end in {', '.join(SUFFIXES)}")
    yield from map(str, found)


def _lines(table: str) -> list[str]:
    try:
        # names of files are bytes: those that are no UTF-8 come through as they are
        data = sys.stdin.buffer.read() if table == "-" else Path(table).read_bytes()
    except OSError as error:
        raise AvsyncError(f"{table}: cannot be read ({error.strerror}); give a list with one path a line") from error
    return [os.fsdecode(line) for line in data.replace(b"\r\n", b"\n").split(b"\n") if line.strip()]
