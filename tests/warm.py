"""Run a script as `python script` would, in a process of its own that has its imports already: Lightning's take 6 s."""

import faulthandler
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytorch_lightning", "hydra", "webdataset", "matplotlib.figure", "joblib"])


def run_script(script: Path, *arguments: str, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """The caller looks at the exit status; a script that takes longer is an error that tells where it stood."""
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder) / name for name in ("stdout", "stderr")]
        process = PROCESSES.Process(target=_play, args=(script, arguments, cwd, said, dict(os.environ)))
        process.start()
        process.join(timeout)
        late = process.is_alive()
        if late:
            os.kill(process.pid, signal.SIGABRT)  # faulthandler writes where every thread is
            process.join(10)
        with suppress(ProcessLookupError):  # workers that it left idle go with it
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        out, error = (path.read_text() if path.exists() else "" for path in said)
        if late:
            raise TimeoutError(f"{script} {' '.join(arguments)} took more than {timeout} s; it said\n{out}\n{error}")
        return subprocess.CompletedProcess([script, *arguments], process.exitcode, out, error)


def _play(script: Path, arguments: tuple[str, ...], cwd: Path, said: list[Path], environment: dict[str, str]) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.update(environment)
    for number, path in enumerate(said, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    faulthandler.enable()
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    os._exit(_status(script))  # nothing is waited for: joblib's workers stay idle for five minutes before they end


def _status(script: Path) -> int:
    """What the script would exit with."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
