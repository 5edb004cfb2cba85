"""The faces of a file, embedded: all that comparing with sound needs of the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.pieces import PIECE_SECONDS, Piece, faces, require_window, resized
from avsync.media.probe import probe
from avsync.media.read import read_frames
from avsync.models.syncnet import SyncNet


@dataclass(frozen=True)
class Seen:
    """A stretch of one face, embedded; half a kB a picture, 46 MB an hour, to be compared with more than one sound.

    Attributes:
        track: Which face in which shot.
        start: Seconds on the file clock.
        video: (N, D) embeddings of its windows, float16.
    """

    track: int
    start: float
    video: Tensor


def moved(faces: Iterable[Seen], source: str | Path, copy: str | Path) -> Iterator[Seen]:
    """Faces of ``source`` on the clock of a copy of it whose sound, and so whose clock, begins at another time."""
    before, after = probe(source).video, probe(copy).video
    by = after.start - before.start if before and after else 0.0
    return (replace(face, start=face.start + by) for face in faces)


def seen(
    path: str | Path, net: SyncNet, crop: str = "face", progress: Callable[[float], None] | None = None
) -> Iterator[Seen]:
    """Every face of a file, embedded in pieces of at most 20 s, in the order of their ends.

    Raises:
        MediaError: As for :func:`avsync.alignment.drift.drift`.
    """
    duration = require_window(path).duration
    pieces = _shots(path, net, progress, duration) if crop == "none" else faces(path, net, progress)
    return (Seen(piece.track, piece.start, _embedded(piece.frames, net)) for piece in pieces)


def _shots(path: str | Path, net: SyncNet, progress: Any, duration: float) -> Iterator[Piece]:
    """The picture as it stands, a track a shot."""
    from avsync.faces.shots import with_cuts  # the same for OpenCV

    held: list[np.ndarray] = []
    track = first = 0
    for k, picture, cut in with_cuts(read_frames(path)):
        if held and (cut or len(held) == clock.frames(PIECE_SECONDS)):
            if len(held) >= clock.WINDOW_FRAMES:
                yield Piece(track, clock.seconds(first), np.stack(held))
            held = []
        track += cut
        first = first if held else k
        held.append(resized(picture, net.face_size))
        if progress is not None and duration:
            progress(min(1.0, clock.seconds(k + 1) / duration))
    if len(held) >= clock.WINDOW_FRAMES:
        yield Piece(track, clock.seconds(first), np.stack(held))


@torch.inference_mode()
def _embedded(frames: np.ndarray, net: SyncNet) -> Tensor:
    device = next(net.parameters()).device
    return net.embed_video(torch.from_numpy(frames)[None].to(device))[0].half().cpu()
