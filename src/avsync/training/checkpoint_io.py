"""How Lightning writes and reads checkpoints here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO

from avsync.models import checkpoints


class AtomicCheckpointIO(CheckpointIO):
    """Writes beside the checkpoint, flushes to disk and renames.

    Lightning's own writes to the system's temporary folder and moves the file; killed between file systems it leaves
    an empty checkpoint where a good one was, and in a folder it may not write it says nothing at all.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Save, or raise AvsyncError and leave what was there."""
        checkpoints.save(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Load tensors and plain values; anything else is refused."""
        return checkpoints.read(Path(path), map_location=map_location or "cpu")

    def remove_checkpoint(self, path: Any) -> None:
        """Delete one that is no longer among the best."""
        Path(path).unlink(missing_ok=True)
