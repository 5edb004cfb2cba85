"""A file in the pieces that a network takes: some seconds of one face at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from avsync import clock
from avsync.alignment.shown import shown
from avsync.errors import MediaError, NoFaceError
from avsync.media.probe import MediaInfo, probe, require_picture_and_sound
from avsync.media.read import read_frames
from avsync.models.syncnet import SyncNet

PIECE_SECONDS = 20.0
"""Longest stretch embedded at once: what memory depends on, instead of the length of the video."""


@dataclass(frozen=True)
class Piece:
    """A stretch of one face, as the network takes it.

    Attributes:
        track: Which face in which shot.
        start: Seconds on the file's clock.
        frames: (T, H, W, 3) uint8.
        boxes: (T, 4) x1, y1, x2, y2 of the face in pixels of the file, None when the whole picture is the face.
        shown: (T,) 0...1, how much of speaking can be seen; None for all of it.
    """

    track: int
    start: float
    frames: np.ndarray
    boxes: np.ndarray | None = None
    shown: np.ndarray | None = None


def require_window(path: str | Path) -> MediaInfo:
    """What a file holds, if that can be measured.

    Raises:
        MediaError: It cannot be read, lacks picture or sound, or is shorter than a window.
    """
    info, shortest = probe(path), clock.seconds(clock.WINDOW_FRAMES)
    require_picture_and_sound(info)
    if info.duration < shortest:
        raise MediaError(f"{path} lasts {info.duration:.2f} s; a window is {shortest} s: give a longer video")
    return info


def no_face(path: str | Path) -> NoFaceError:
    """The error for a file in which no face was followed for as long as a window."""
    return NoFaceError(
        f"no face was found in {path} for as long as {clock.seconds(clock.WINDOW_FRAMES)} s; a visible face is "
        "needed (--crop none takes a file that already is a face crop)"
    )


def faces(path: str | Path, net: SyncNet, progress: Callable[[float], None] | None) -> Iterator[Piece]:
    """Every face, followed and cropped; see :func:`avsync.faces.follow.follow_faces`."""
    from avsync.faces.follow import (
        follow_faces,  # mediapipe takes seconds to import: not for files that fail early
    )

    shortest, size = clock.seconds(clock.WINDOW_FRAMES), net.face_size
    followed = follow_faces(path, size=size, min_seconds=shortest, max_seconds=PIECE_SECONDS, progress=progress)
    for face in followed:
        if len(face.frames) >= clock.WINDOW_FRAMES:
            yield Piece(face.track, face.start, face.frames, face.boxes, shown(face.frames, face.landmarks))


def whole_picture(
    path: str | Path, net: SyncNet, duration: float, progress: Callable[[float], None] | None
) -> Iterator[Piece]:
    """The picture as it stands, as one track, resized frame by frame so that a large one costs no memory."""
    size, length = net.face_size, clock.frames(PIECE_SECONDS)
    held: list[np.ndarray] = []
    first = 0
    for index, frame in read_frames(path):
        first = index if not held else first
        held.append(resized(frame, size))
        if progress is not None and duration:
            progress(min(1.0, clock.seconds(index + 1) / duration))
        if len(held) == length:
            yield _whole(first, held)
            held = []
    if len(held) >= clock.WINDOW_FRAMES:
        yield _whole(first, held)


def _whole(first: int, held: list[np.ndarray]) -> Piece:
    frames = np.stack(held)
    return Piece(0, clock.seconds(first), frames, shown=shown(frames))


def resized(frame: np.ndarray, size: int) -> np.ndarray:
    """A picture (H, W, 3) uint8 as a square of ``size`` pixels."""
    if frame.shape[:2] == (size, size):
        return frame
    planes = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    small = F.interpolate(planes, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return small[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
