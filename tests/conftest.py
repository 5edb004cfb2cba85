import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

if "PYTEST_XDIST_WORKER" in os.environ:  # a process a core: two threads each that wait for one another crawl
    os.environ["OMP_NUM_THREADS"] = "1"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background: what tests stop inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, str(Path(__file__).parent))  # tests share their drawings

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def run_python(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run this Python on a script or module as a person would; the caller looks at the exit status."""
    first, *more = map(str, arguments)
    if first.endswith(".py"):
        from warm import run_script

        return run_script(ROOT / first, *more, cwd=cwd, timeout=540)
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=540, check=False
    )


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder that all processes of this run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def mouth_data(shared) -> list[str]:
    """Overrides that name shards of drawn mouths."""
    from mouths import write_mouths

    root = shared / "mouths"
    # few clips of validation state no high chance, and ±30 s ask for one
    splits = {"train": range(40), "val": range(100, 124), "test": range(200, 208)}
    with FileLock(f"{root}.lock"):
        if not root.is_dir():
            for name, seeds in splits.items():
                write_mouths(root / name, seeds)
    return ["data=shards", *(f"data.{name}={root / name}" for name in splits)]


@pytest.fixture(scope="session")
def mouth_run(mouth_data, shared) -> Path:
    """The folder of a finished run on drawn mouths, made by train.py itself."""
    runs = shared / "mouth_runs"
    with FileLock(f"{runs}.lock"):
        if not runs.is_dir():
            done = run_python("train.py", "model=syncnet", *mouth_data, "trainer.max_epochs=6", f"paths.runs={runs}")
            assert done.returncode == 0, done.stderr
    (run,) = runs.iterdir()
    return run


@pytest.fixture(scope="session")
def scene_run(shared) -> Path:
    """The folder of an untrained network's evaluation on drawn flashes."""
    from avsync.evaluation.classification import Classification
    from avsync.evaluation.events import Events
    from avsync.evaluation.finetuning import FineTuning
    from avsync.evaluation.localization import Localization
    from avsync.evaluation.reconstruction import Reconstruction
    from avsync.evaluation.retrieval import Retrieval
    from avsync.evaluation.scenes import ScenesEvaluation
    from flashes import write_flashes, write_network

    root, runs = shared / "flashes", shared / "scene_runs"
    splits = {"train": range(12), "val": range(20, 26), "test": range(30, 39)}
    with FileLock(f"{runs}.lock"):
        if not runs.is_dir():
            folders = {name: write_flashes(root / name, seeds) for name, seeds in splits.items()}
            run = runs / "untrained"
            checkpoint = write_network(run / "checkpoints" / "best.ckpt")
            given = "\n".join(f"  {name}: {folder}" for name, folder in folders.items())
            (run / "config.yaml").write_text(f"data:\n{given}\n")
            (run / "logs").mkdir()
            logged = "step,train/loss,val/loss,val/retrieval_r1\n0,2.0,,\n1,1.0,1.5,0.2\n"
            (run / "logs" / "metrics.csv").write_text(logged)
            tuning = FineTuning(epochs=1, batch_size=4, progress=False)
            parts = [Retrieval(), Classification(tuning), Localization(2), Events(), Reconstruction(clips=2, shown=1)]
            evaluation = ScenesEvaluation(folders["train"], {part.name: part for part in parts}, progress=False)
            evaluation(checkpoint, folders["val"], folders["test"], run)
    return runs / "untrained"
