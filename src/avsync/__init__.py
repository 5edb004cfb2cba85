"""Audio-visual synchronization: train it, measure it, use it.

``avsync.load("syncnet")`` gives a network with its calibration, ``avsync.models()`` the names of those that ship. The
verbs of the command are functions here, see :mod:`avsync.api`: ``avsync.offset("talk.mp4")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from avsync import models as models  # callable; imports nothing heavy

if TYPE_CHECKING:
    from avsync.api import drift as drift
    from avsync.api import fix as fix
    from avsync.api import offset as offset
    from avsync.api import report as report
    from avsync.api import score as score
    from avsync.api import speakers as speakers
    from avsync.api import watch as watch
    from avsync.models.shipped import Loaded

VERBS = ("offset", "speakers", "score", "drift", "fix", "report", "watch")
"""Functions of :mod:`avsync.api` that are found here as well."""


def load(name: str, revision: str | None = None) -> Loaded:
    """A network ready to measure, with its calibration and model card; see :func:`avsync.models.shipped.load`."""
    from avsync.models import shipped  # torch takes seconds

    return shipped.load(name, revision)


def __getattr__(name: str) -> Any:
    """The verbs, imported when they are first asked for."""
    if name in VERBS:
        from avsync import api

        return getattr(api, name)
    raise AttributeError(f"module 'avsync' has no attribute {name!r}")
