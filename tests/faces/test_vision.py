"""What is imported to see faces."""

from conftest import run_python

LEAN = """
import sys
import avsync.faces.vision
import avsync.api
assert not [name for name in sys.modules if name.startswith("matplotlib")]
from mediapipe.python.solutions import drawing_utils
assert drawing_utils.plt.rcParams
import matplotlib
assert matplotlib.colormaps
import matplotlib.pyplot
assert matplotlib.pyplot.figure()
"""


def test_matplotlib_is_imported_by_who_draws_and_by_nobody_else():
    done = run_python("-c", LEAN)
    assert done.returncode == 0, done.stderr
