"""Is a clip in sync? What preparation asks of a trained network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch

from avsync.alignment.measure import measure_clip
from avsync.models import shipped
from avsync.models.checkpoints import require_syncnet


@dataclass(frozen=True)
class SyncCheck:
    """The optional stage of preparation that LatentSync's pipeline has (SyncNet's confidence and offset decide).

    Args:
        checkpoint: Any SyncNet of avsync's, by path or name.
        search: Largest offset tried, in frames.

    Attributes:
        content: Fingerprint of the checkpoint.
    """

    checkpoint: str
    search: int = 15
    content: str = field(default="", init=False)

    def __post_init__(self) -> None:
        require_syncnet(_loaded(self.checkpoint).net, self.checkpoint)  # a wrong path is told before any file is read
        # another network under the same name gives other clips
        read = shipped.find(self.checkpoint).read_bytes()
        object.__setattr__(self, "content", hashlib.sha256(read).hexdigest()[:16])

    def __call__(self, frames: np.ndarray, audio: np.ndarray) -> tuple[int | None, float]:
        """Frames by which the sound of a face crop is early, None when undecided, and the confidence.

        Args:
            frames: (T, H, W, 3) uint8.
            audio: (640 T,).
        """
        torch.set_num_threads(1)  # there is already a process a core
        loaded = _loaded(self.checkpoint)
        net = require_syncnet(loaded.net, loaded.name)
        result = measure_clip(frames, audio, net, loaded.calibration, search=self.search)
        if result.estimate is None:
            return None, 0.0
        return result.estimate.frames if result.decided() else None, result.estimate.confidence


@cache
def _loaded(checkpoint: str) -> shipped.Loaded:
    return shipped.load(checkpoint)
