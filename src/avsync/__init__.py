"""Audio-visual synchronization: train it, measure it, use it.

``avsync.load("syncnet")`` gives a network with its calibration, ``avsync.models()`` the names of those that ship.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from avsync import models as models  # callable; imports nothing heavy

if TYPE_CHECKING:
    from avsync.models.shipped import Loaded


def load(name: str, revision: str | None = None) -> Loaded:
    """A network ready to measure, with its calibration and model card; see :func:`avsync.models.shipped.load`."""
    from avsync.models import shipped  # torch takes seconds

    return shipped.load(name, revision)
