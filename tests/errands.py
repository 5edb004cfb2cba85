"""Work on files for processes of their own, by the name of the file."""

import os
import signal
import time
from pathlib import Path

from avsync.errors import MediaError
from avsync.media.atomic import whole_file


def mended(file: str, progress) -> dict:
    """The same, of files that are good by now."""
    return errand(str(Path(file).with_name("good")), progress) | {"file": file}


def errand(file: str, progress) -> dict:
    name = Path(file).name
    if name.startswith("bad"):
        raise MediaError(f"{file}: is damaged; get a whole copy")
    if name.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("hangs"):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # as in a decoder that never comes back
        time.sleep(600)
    if name.startswith("faulty"):
        raise ValueError("not\nforeseen")
    if name.startswith("crowded"):  # memory that runs out while it is not alone, the first time
        mark = Path(file).with_suffix(".mark")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("writes"):
        with whole_file(file) as partial:
            partial.write_text("half")
            progress(0.5)
            time.sleep(600)
    if name.startswith("slow"):
        for step in range(5):
            time.sleep(0.25)
            progress(step / 5)
    return {"file": file, "threads": os.environ["OMP_NUM_THREADS"], "process": os.getpid()}
