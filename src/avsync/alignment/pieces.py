"""A file in the pieces that a network takes: some seconds of one face at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from avsync import clock
from avsync.alignment.shown import Shown
from avsync.errors import MediaError, NoFaceError
from avsync.media.probe import MediaInfo, probe, require_picture_and_sound
from avsync.media.read import read_frames
from avsync.models.syncnet import SyncNet

PIECE_SECONDS = 20.0
"""Longest stretch embedded at once: what memory depends on, instead of the length of the video."""

LOOK_EVERY = 3
"""Frames from one look for a face's mesh to the next: looking in each took a third of all that measuring takes."""


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

    def after(self, before: Piece | None) -> Piece:
        """This piece and the :meth:`tail` of the one before it; ``boxes`` stay those of its own frames."""
        if before is None:
            return self
        return replace(
            self,
            start=before.start,
            frames=np.concatenate([before.frames, self.frames]),
            shown=np.concatenate([before.weight, self.weight]),
        )

    def tail(self) -> Piece:
        """Its last four frames, of their own memory: the windows that begin with them need what follows."""
        kept = self.frames[1 - clock.WINDOW_FRAMES :].copy()
        start = self.start + clock.seconds(len(self.frames) - len(kept))
        return Piece(self.track, start, kept, shown=self.weight[1 - clock.WINDOW_FRAMES :].copy())

    @property
    def weight(self) -> np.ndarray:
        """(T,) float32 0...1: ``shown``, or 1."""
        return np.ones(len(self.frames), np.float32) if self.shown is None else self.shown


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


def pieces(
    path: str | Path,
    net: SyncNet,
    crop: str = "face",
    progress: Callable[[float], None] | None = None,
    *,
    shots: bool = False,
) -> Iterator[Piece]:
    """A file in pieces of at most 20 s, in the order of their ends; the last of a face may be shorter than a window.

    Args:
        path: A video.
        net: Says how large it wants faces.
        crop: ``face`` to find, follow and crop faces; ``none`` when the picture already is one.
        progress: Called with the share of the file that is done, 0...1.
        shots: With ``none``: a track for every shot instead of one for all.

    Raises:
        MediaError: The picture cannot be read.
    """
    if crop not in ("face", "none"):
        raise MediaError(f"crop={crop}: expected face or none")
    return _whole_picture(path, net.face_size, progress, shots) if crop == "none" else _faces(path, net, progress)


def _faces(path: str | Path, net: SyncNet, progress: Callable[[float], None] | None) -> Iterator[Piece]:
    from avsync.faces.follow import (
        follow_faces,  # mediapipe takes seconds to import: not for files that fail early
    )

    shortest, size = clock.seconds(clock.WINDOW_FRAMES), net.face_size
    followed = follow_faces(
        path, size=size, min_seconds=shortest, max_seconds=PIECE_SECONDS, every=LOOK_EVERY, progress=progress
    )
    shown = Shown()
    for face in followed:
        shows = shown(face.frames, face.landmarks, face.track)
        yield Piece(face.track, face.start, face.frames, face.boxes, shows)


def _whole_picture(
    path: str | Path, size: int, progress: Callable[[float], None] | None, shots: bool
) -> Iterator[Piece]:
    """The picture as it stands, resized frame by frame so that a large one costs no memory."""
    from avsync.faces.shots import with_cuts  # the same for OpenCV

    duration, length = probe(path).duration, clock.frames(PIECE_SECONDS)
    frames = with_cuts(read_frames(path)) if shots else ((*one, False) for one in read_frames(path))
    shown = Shown()
    held: list[np.ndarray] = []
    first = track = 0
    for index, frame, cut in frames:
        if held and (cut or len(held) == length):
            yield whole(track, first, held, shown)
            held = []
        track += cut
        first = first if held else index
        held.append(resized(frame, size))
        if progress is not None and duration:
            progress(min(1.0, clock.seconds(index + 1) / duration))
    if held:
        yield whole(track, first, held, shown)


def whole(track: int, first: int, held: list[np.ndarray], shown: Shown) -> Piece:
    """The piece of pictures (S, S, 3) that are a face crop each, from frame ``first`` on."""
    frames = np.stack(held)
    return Piece(track, clock.seconds(first), frames, shown=shown(frames, track=track))


def resized(frame: np.ndarray, size: int) -> np.ndarray:
    """A picture (H, W, 3) uint8 as a square of ``size`` pixels."""
    if frame.shape[:2] == (size, size):
        return frame
    planes = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    small = F.interpolate(planes, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return small[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
