"""Run a script as `python script` would, in a process of its own that has its imports already: Lightning's take 6 s."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from joblib.externals.loky import get_reusable_executor

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytorch_lightning", "hydra", "webdataset", "matplotlib.figure", "joblib"])


def run_script(script: Path, *arguments: str, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """The caller looks at the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder) / name for name in ("stdout", "stderr")]
        process = PROCESSES.Process(target=_play, args=(script, arguments, cwd, said, dict(os.environ)))
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired([script, *arguments], timeout)
        out, error = (path.read_text() if path.exists() else "" for path in said)
        return subprocess.CompletedProcess([script, *arguments], process.exitcode or 0, out, error)


def _play(script: Path, arguments: tuple[str, ...], cwd: Path, said: list[Path], environment: dict[str, str]) -> None:
    os.chdir(cwd)
    os.environ.update(environment)
    for number, path in enumerate(said, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:  # a process of multiprocessing waits for joblib's, which stay idle for five minutes before they end
        get_reusable_executor(reuse=True).shutdown(kill_workers=True)
