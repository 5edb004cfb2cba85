"""Where a verb writes what it makes of each file: a place of its own for every one, known before the first is begun."""

from __future__ import annotations

from pathlib import Path

from avsync.errors import AvsyncError
from avsync.media.atomic import require_folder


def targets(named: dict[str, str], out: str | None, option: str, suffix: str = "") -> dict[str, str]:
    """What is written of each file, and where; the folders for it are made.

    Args:
        named: Files and their names, see :func:`avsync.cli.listed.named`.
        out: A folder that is there, or what is written of the only file; None writes nothing.
        option: What ``out`` was given as, for the error.
        suffix: Added to the names.

    Returns:
        A path for each file.

    Raises:
        AvsyncError: Two files would be written to one place, or the folder for one cannot be made.
    """
    if out is None:
        return {}
    if not Path(out).is_dir():
        if len(named) > 1:
            raise AvsyncError(f"{option} {out}: is no folder; for {len(named)} files give a folder that is there")
        require_folder(out)
        return dict.fromkeys(named, out)
    found = {file: str(Path(out) / (name + suffix)) for file, name in named.items()}
    first: dict[str, str] = {}
    for file, target in found.items():
        if other := first.get(target):
            raise AvsyncError(
                f"{other} and {file} would both be written to {target}; give the folder above them instead, whose "
                "files keep their paths below it"
            )
        first[target] = file
    _make({Path(target).parent for target in found.values()})
    return found


def apart(places: dict[str, str], option: str) -> None:
    """Refuse to write what is made of a file over the file.

    Raises:
        AvsyncError: They are one file, however named.
    """
    for file, place in places.items():
        if Path(place).exists() and Path(file).exists() and Path(place).samefile(file):
            raise AvsyncError(f"{option} {place}: is the input itself, which is never touched; give another name")


def _make(folders: set[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AvsyncError(f"{folder}: cannot be made ({error.strerror}); give another folder") from error
