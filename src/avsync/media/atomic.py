"""Files that are either whole or not there, folders that one process at a time makes, files that are being read."""

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avsync.errors import MediaError

_log = logging.getLogger(__name__)


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name only when the block ends without an error.

    The suffix is kept, because the container format is chosen by it. What is renamed is on the disk, not only promised.

    Raises:
        MediaError: The folder does not exist or may not be written.
    """
    target = Path(path)
    require_folder(target)
    folder = target.parent
    temporary = folder / f".{target.stem}.{secrets.token_hex(4)}{target.suffix}"
    try:
        yield temporary
        _on_disk(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def require_folder(path: str | Path) -> None:
    """Before hours of work: is there a folder for what will be written?

    Raises:
        MediaError: It does not exist or may not be written.
    """
    folder = Path(path).parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise MediaError(f"{path}: cannot be written: {folder} is no folder that may be written to; give another")


def _on_disk(path: Path) -> None:
    """Wait until a file's bytes are written; some file systems tell only now that there was no room."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        raise MediaError(f"{path.parent}: cannot be written to ({error.strerror}); make room there") from error
    finally:
        os.close(file)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make what a folder holds while no other process does: jobs of a sweep that begin together want the same data.

    Who comes second waits, and then finds it made. A process that dies lets go. Where nothing can be locked (a folder
    that is only read, some network file systems) it goes on without.
    """
    held = _held(folder / ".making")
    try:
        yield
    finally:
        if held is not None:
            (folder / ".making").unlink(missing_ok=True)
            os.close(held)


def _held(path: Path) -> int | None:
    """A locked file, open; None where there are no locks."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            if _locked(file, path):
                return file
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            return None
        os.close(file)


def _locked(file: int, path: Path) -> bool:
    """Lock a file; False if its name has gone meanwhile, or to another: then somebody else may hold that one."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _log.warning("%s: another process is making it; waiting", path.parent)
        fcntl.flock(file, fcntl.LOCK_EX)
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file), path.stat())
    return False


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read what a file tells of, known to :func:`is_read`; on a file that is missing or cannot be locked, unknown."""
    try:
        file = path.open("rb")
    except OSError:
        yield
        return
    with file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)  # closing is not enough: processes begun meanwhile have it open too


def is_read(path: Path) -> bool:
    """True while any process, this one too, is :func:`reading`."""
    try:
        # some network file systems lock only what may be written
        with path.open("r+b" if os.access(path, os.W_OK) else "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
