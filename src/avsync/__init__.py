"""Audio-visual synchronization: train it, measure it, use it.

``avsync.load("syncnet")`` gives a network with its calibration, ``avsync.models()`` the names of those that ship. The
verbs of the command are functions here, see :mod:`avsync.api`: ``avsync.offset("talk.mp4")``. The classes of what they
give are here as well, for annotations: ``avsync.FileResult``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from avsync import models as models  # callable; imports nothing heavy

if TYPE_CHECKING:
    from pathlib import Path

    from avsync.alignment.drift import Drift as Drift
    from avsync.alignment.fix import Fixed as Fixed
    from avsync.alignment.live import Reading as Reading
    from avsync.alignment.measure import FileResult as FileResult
    from avsync.alignment.measure import TrackResult as TrackResult
    from avsync.alignment.offset import Estimate as Estimate
    from avsync.alignment.path import Run as Run
    from avsync.alignment.speakers import Face as Face
    from avsync.alignment.speakers import Speakers as Speakers
    from avsync.alignment.speakers import Turn as Turn
    from avsync.api import drift as drift
    from avsync.api import fix as fix
    from avsync.api import offset as offset
    from avsync.api import report as report
    from avsync.api import score as score
    from avsync.api import speakers as speakers
    from avsync.api import watch as watch
    from avsync.evaluation.file_page import Report as Report
    from avsync.evaluation.lse import Lse as Lse
    from avsync.evaluation.score import Score as Score
    from avsync.evaluation.score import Segment as Segment
    from avsync.models.shipped import Loaded as Loaded

VERBS = ("offset", "speakers", "score", "drift", "fix", "report", "watch")
"""Functions of :mod:`avsync.api` that are found here as well."""

RESULTS = {
    "Drift": "alignment.drift", "Estimate": "alignment.offset", "Face": "alignment.speakers",
    "FileResult": "alignment.measure", "Fixed": "alignment.fix", "Loaded": "models.shipped", "Lse": "evaluation.lse",
    "Reading": "alignment.live", "Report": "evaluation.file_page", "Run": "alignment.path",
    "Score": "evaluation.score", "Segment": "evaluation.score", "Speakers": "alignment.speakers",
    "TrackResult": "alignment.measure", "Turn": "alignment.speakers",
}  # fmt: skip
"""Classes of what they give, and where they are at home."""


def load(name: str | Path, revision: str | None = None) -> Loaded:
    """A network ready to measure, with its calibration and model card.

    Args:
        name: One of ``avsync.models()``; the path of a ``.ckpt``, a ``.safetensors`` or a folder that ``avsync export``
            wrote; or ``hub:owner/repo``, which is fetched once and then kept.
        revision: Branch, tag or commit on the hub.

    Returns:
        ``net`` in evaluation mode, ``calibration``, ``name`` and ``card``.

    Raises:
        CheckpointError: There is nothing of that name, it cannot be fetched, or it is not avsync's.
    """
    from avsync.models import shipped  # torch takes seconds

    return shipped.load(name, revision)


def __getattr__(name: str) -> Any:
    """The verbs and their results, imported when they are first asked for."""
    if name in VERBS or name in RESULTS:
        return getattr(import_module(f"avsync.{RESULTS.get(name, 'api')}"), name)
    raise AttributeError(f"module 'avsync' has no attribute {name!r}")
