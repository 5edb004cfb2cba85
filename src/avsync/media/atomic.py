"""Files that are either whole or not there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avsync.errors import MediaError


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name only when the block ends without an error.

    The suffix is kept, because the container format is chosen by it. What is renamed is on the disk, not only promised.

    Raises:
        MediaError: The folder does not exist or may not be written.
    """
    target = Path(path)
    folder = target.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise MediaError(f"{target}: cannot be written: {folder} is no folder that may be written to; give another")
    temporary = folder / f".{target.stem}.{secrets.token_hex(4)}{target.suffix}"
    try:
        yield temporary
        _on_disk(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _on_disk(path: Path) -> None:
    """Wait until a file's bytes are written; some file systems tell only now that there was no room."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        raise MediaError(f"{path.parent}: cannot be written to ({error.strerror}); make room there") from error
    finally:
        os.close(file)
