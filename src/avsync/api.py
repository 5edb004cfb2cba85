"""The verbs as functions: what ``avsync offset FILE`` prints, ``avsync.offset(file)`` returns.

Imported on first use, since torch takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from avsync.alignment.measure import FileResult, measure
from avsync.evaluation.runs import default_checkpoint
from avsync.models.checkpoints import require_syncnet
from avsync.models.shipped import Loaded, load
from avsync.models.syncnet import SyncNet


@dataclass(frozen=True)
class Measurer(Loaded):
    """A checkpoint whose network measures offsets."""

    net: SyncNet


def checkpoint_of(name: str | Path | None = None) -> Measurer:
    """The network that measures: the one named, else the newest run's, else the one that ships.

    Raises:
        CheckpointError: See :func:`avsync.load`; or its network is of another kind.
    """
    return _loaded(str(name or default_checkpoint()))


@cache
def _loaded(name: str) -> Measurer:
    """Files by the hundred are measured with one network."""
    loaded = load(name)
    net = require_syncnet(loaded.net, loaded.name)
    return Measurer(net=net, calibration=loaded.calibration, name=loaded.name, card=loaded.card)


def offset(path: str | Path, checkpoint: str | Path | None = None, **settings: Any) -> FileResult:
    """How far the sound of a video is from its picture.

    Args:
        path: A video with a face and sound.
        checkpoint: See :func:`checkpoint_of`.
        settings: ``crop``, ``search``, ``min_chance``, ``progress`` of :func:`avsync.alignment.measure.measure`.

    Returns:
        An answer for the file and for each of its tracks.

    Raises:
        AvsyncError: As there.
    """
    loaded = checkpoint_of(checkpoint)
    return measure(path, loaded.net, loaded.calibration, **settings)
