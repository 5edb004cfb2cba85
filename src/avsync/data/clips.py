"""From one source to its clips: which stretches of which faces are worth keeping, with their sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from avsync import clock
from avsync.data.timeline import Timeline
from avsync.errors import AvsyncError

CROPS = ("face", "frame")
FACES = ("split", "reject", "all")
MOUTH_TOP, MOUTH_LEFT = 0.41, 0.25
"""Upper left corner of the mouth region in a face crop; it takes half of its side."""


@dataclass(frozen=True)
class Settings:
    """How clips are cut. Every field is an argument of data_prep/prepare.py.

    Attributes:
        crop: ``face``, or ``frame``: the whole picture, faces or not, for networks such as CAV-MAE.
        size: Pixels of the crop's side; of the shorter side of a whole frame.
        min_seconds: Shorter stretches are dropped.
        max_seconds: Longer ones are cut into pieces of this length.
        faces: While several faces are on screen nobody knows whose voice it is: ``split`` leaves those stretches out,
            ``reject`` the whole piece they are in (the single-speaker rule of SyncNet's recipe), ``all`` keeps them.
        min_face: Pixels of the source below which a face is too narrow to see its lips.
        min_motion: Grey levels that the mouth region changes by from frame to frame, on average; less is a photograph.
        clips_per_shard: Clips in each tar.
        deadline: Seconds without a new frame after which a file is given up.
    """

    crop: str = "face"
    size: int = 96
    min_seconds: float = 2.0
    max_seconds: float = 10.0
    faces: str = "split"
    min_face: float = 32.0
    min_motion: float = 0.3
    clips_per_shard: int = 20
    deadline: float = 120.0

    def __post_init__(self) -> None:
        for name, value, known in (("crop", self.crop, CROPS), ("faces", self.faces, FACES)):
            if value not in known:
                raise AvsyncError(f"{name}={value} is not known; expected one of {', '.join(known)}")
        if self.size < 16 or self.size % 2:
            raise AvsyncError(f"size={self.size} cannot be encoded; give an even number of at least 16 pixels")
        for name, least in (("clips_per_shard", 1), ("min_face", 0), ("min_motion", 0)):
            if getattr(self, name) < least:
                raise AvsyncError(f"{name}={getattr(self, name)} is too little; give {least} or more")
        if self.deadline <= 0:
            raise AvsyncError(f"deadline={self.deadline} gives every file up; give seconds above 0")
        if not clock.seconds(clock.WINDOW_FRAMES) <= self.min_seconds <= self.max_seconds:
            raise AvsyncError(
                f"min_seconds={self.min_seconds} and max_seconds={self.max_seconds} leave nothing; a window lasts "
                f"{clock.seconds(clock.WINDOW_FRAMES)} s"
            )


@dataclass(frozen=True)
class Stretch:
    """Some frames of a source, as a clip holds them.

    Attributes:
        first: Index of the first frame on the source's clock at 25 fps.
        frames: (T, H, W, 3) uint8.
        track: Which face in which shot; 0 for whole frames.
        boxes: (T, 4) around the face in pixels of the source, or None.
        landmarks: (T, P, 2) in pixels of the source, or None.
        others: (T,) how many other faces were followed, or None.
    """

    first: int
    frames: np.ndarray
    track: int = 0
    boxes: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    others: np.ndarray | None = None

    @property
    def last(self) -> int:
        """Index after the last frame."""
        return self.first + len(self.frames)

    def part(self, first: int, last: int) -> Stretch:
        """Frames ``first``...``last - 1`` of the source."""
        rows = slice(max(first, self.first) - self.first, max(last, self.first) - self.first)
        arrays = {name: getattr(self, name) for name in ("frames", "boxes", "landmarks", "others")}
        cut: dict[str, Any] = {name: None if value is None else value[rows] for name, value in arrays.items()}
        return replace(self, first=self.first + rows.start, **cut)

    def meta(self) -> dict[str, Any]:
        """What the clip's JSON tells about it."""
        told: dict[str, Any] = {"start": clock.seconds(self.first), "seconds": clock.seconds(len(self.frames))}
        if self.boxes is None or self.landmarks is None:
            return told
        from avsync.faces.geometry import LANDMARKS

        return told | {
            "track": self.track,
            "boxes": self.boxes.round(1).tolist(),
            "landmarks": self.landmarks.round(1).tolist(),
            "landmark_names": list(LANDMARKS),
        }


def stretches(frames: Iterator[tuple[int, np.ndarray]], settings: Settings, timeline: Timeline) -> Iterator[Stretch]:
    """What is worth keeping of a source's pictures; what is not goes into ``timeline`` with its reason.

    Args:
        frames: (k, picture) at 25 fps, see :func:`avsync.media.read.read_frames`.
        settings: How clips are cut.
        timeline: Of this source.
    """
    if settings.crop == "frame":
        pieces = whole_frames(frames, settings)
    else:
        pieces = (part for piece in _faces(frames, settings) for part in usable(piece, settings, timeline))
    shortest = clock.frames(settings.min_seconds)
    for piece in pieces:
        if len(piece.frames) >= shortest:
            yield piece
        else:
            timeline.drop(piece.first, piece.last, "too short")


def whole_frames(frames: Iterator[tuple[int, np.ndarray]], settings: Settings) -> Iterator[Stretch]:
    """Pieces of the whole picture, resized; cuts stay in them, as they do in AudioSet's clips."""
    length, held, first = clock.frames(settings.max_seconds), list[np.ndarray](), 0
    for k, picture in frames:
        first = first if held else k
        held.append(_resized(picture, settings.size))
        if len(held) == length:
            yield Stretch(first, np.stack(held))
            held = []
    if held:
        yield Stretch(first, np.stack(held))


def _resized(picture: np.ndarray, size: int) -> np.ndarray:
    from avsync.faces.vision import cv2

    scale = size / min(picture.shape[:2])
    height, width = (max(2, 2 * round(side * scale / 2)) for side in picture.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=how)


def _faces(frames: Iterator[tuple[int, np.ndarray]], settings: Settings) -> Iterator[Stretch]:
    from avsync.faces.follow import follow  # mediapipe: only preparation of faces needs it

    # tracks of any length: what is too short is accounted for, not left out silently
    for face in follow(frames, size=settings.size, min_seconds=1 / clock.FPS, max_seconds=settings.max_seconds):
        yield Stretch(clock.frames(face.start), face.frames, face.track, face.boxes, face.landmarks, face.others)


def usable(piece: Stretch, settings: Settings, timeline: Timeline) -> Iterator[Stretch]:
    """Parts of a face's piece that pass the rules on faces."""
    assert piece.boxes is not None
    assert piece.others is not None
    if np.median(piece.boxes[:, 2] - piece.boxes[:, 0]) < settings.min_face:
        timeline.drop(piece.first, piece.last, "face too small")
        return
    alone = piece.others == 0
    if settings.faces == "all":
        alone[:] = True
    elif settings.faces == "reject" and not alone.all():
        alone[:] = False
    for first, last, kept in runs(alone):
        part = piece.part(piece.first + first, piece.first + last)
        if not kept:
            timeline.drop(part.first, part.last, "several faces")
        elif len(part.frames) > 1 and motion(part.frames) < settings.min_motion:
            timeline.drop(part.first, part.last, "still face")
        else:
            yield part


def runs(states: np.ndarray) -> Iterator[tuple[int, int, bool]]:
    """(first, last, state) of every run of equal values of a (T,) array of bools, ``last`` excluded."""
    edges = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    for first, last in zip(edges, edges[1:], strict=False):
        if last > first:
            yield first, last, bool(states[first])


def motion(frames: np.ndarray) -> float:
    """Mean change of a face crop's mouth region from frame to frame, in grey levels of 255."""
    side = frames.shape[1]
    top, left, half = round(MOUTH_TOP * side), round(MOUTH_LEFT * side), side // 2
    green = frames[:, top : top + half, left : left + half, 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=0)).mean())
