"""The shape of the code, guarded: data flows one way, rooms stay small."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "avsync"
ORDER = ["errors", "version", "clock", "media", "faces", "synthetic", "data", "features", "models", "losses",
         "alignment", "evaluation", "training", "api",
         "cli", "__main__"]  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Modules of avsync that a file imports, without the leading ``avsync.``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "avsync":
            module = (node.module or "").removeprefix("avsync").removeprefix(".")
            found |= {module} if module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name[7:] for alias in node.names if alias.name.startswith("avsync.")}
    return found


def test_there_is_something_to_look_at():
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_package_imports_only_from_packages_above_it(path):
    here = room(path)
    if here == "__init__":
        return
    for module in imported(path):
        assert ORDER.index(module.split(".")[0]) <= ORDER.index(here), f"{path} imports avsync.{module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_stay_small(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    assert not re.search(r"utils|helpers|common", path.name)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= 40, f"{path}:{node.lineno} {node.name} has {lines} lines"


def test_train_py_reads_as_a_recipe():
    assert len((PACKAGE.parent.parent / "train.py").read_text().splitlines()) < 80


@pytest.mark.parametrize(
    "module",
    [
        "avsync.data.datamodule",
        "avsync.data.scenes",
        "avsync.training.syncnet",
        "avsync.training.cav_mae",
        "avsync.evaluation.offsets",
        "avsync.evaluation.localization",
    ],
)
def test_training_imports_nothing_that_only_preparation_needs(module):
    heavy = "mediapipe cv2 scenedetect espeakng_loader"  # torchmetrics imports librosa wherever it is installed
    code = f"import sys, {module}; sys.exit(' '.join(m for m in {heavy.split()!r} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
