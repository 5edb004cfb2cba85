"""Who speaks: which of the faces in a file the voice belongs to, when, and when to none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.chance import SURE
from avsync.alignment.course import Course, course
from avsync.alignment.embedded import Seen, embed_faces, embed_sound
from avsync.media.probe import MediaInfo, probe, require_picture_and_sound
from avsync.models.syncnet import SyncNet

SEARCH = 15
"""Frames of 40 ms that are tried to either side unless told otherwise: among those of ±1 s more dubbed voices found a
face that they seemed to be of (experiments/speakers.md)."""

PAUSE = 0.4
"""Seconds without sound that end a turn; in shorter ones people breathe."""

_MIDDLE = clock.WINDOW_FRAMES // 2


@dataclass(frozen=True)
class Face:
    """One face in one shot, one row per frame at 25 fps.

    Attributes:
        id: Number of the track.
        start: Seconds on the file's clock.
        boxes: (T, 4) float32 x1, y1, x2, y2 in pixels of the picture.
        chance: (T,) that the voice is this face's, 0...1, as the model of :mod:`avsync.alignment.turns` has it.
    """

    id: int
    start: float
    boxes: np.ndarray
    chance: np.ndarray

    @property
    def end(self) -> float:
        """Seconds on the file's clock."""
        return self.start + clock.seconds(len(self.boxes))


@dataclass(frozen=True)
class Turn:
    """A stretch of voice.

    Attributes:
        start: Seconds on the file's clock.
        end: The same.
        face: Number of the track that speaks; None when it is none of those on screen.
        chance: Mean chance of that, 0...1.
    """

    start: float
    end: float
    face: int | None
    chance: float


@dataclass(frozen=True)
class Speakers:
    """Who speaks in a file.

    Attributes:
        file: As given.
        offset: Of the whole file, seconds, whole frames; positive: audio early. None: no offset fits any face.
        chance: That the voice is ever that of a face on screen, 0...1.
        faces: In order of their start.
        turns: In order; between them nobody is heard.
    """

    file: str
    offset: float | None
    chance: float
    faces: list[Face]
    turns: list[Turn]


def speakers(
    path: str | Path,
    net: SyncNet,
    *,
    crop: str = "face",
    search: int = SEARCH,
    offset: float | None = None,
    min_chance: float = SURE,
    progress: Callable[[float], None] | None = None,
) -> Speakers:
    """Which face the voice belongs to, when, and when to none of them.

    Memory grows with the file: by 0.3 MB for a second with two faces at ±1 s, and with the search.

    Args:
        path: A video with faces and sound.
        net: Two-tower network in evaluation mode.
        crop: ``face``, or ``none`` when the picture already is a face crop: is the voice its own?
        search: Largest offset tried, in frames of 40 ms.
        offset: Seconds, when it is known, beyond the search as well; else the one under which the faces explain the
            sound best.
        min_chance: Where it is less likely that the voice ever is that of a face, it is nobody's.
        progress: Called with the share of the file that is done, 0...1.

    Raises:
        MediaError: The file cannot be read or lacks picture or sound.
        NoFaceError: No face was followed for as long as a window.
    """
    info, given = probe(path), None if offset is None else clock.frames(offset)
    require_picture_and_sound(info)
    sound, speech = embed_sound(path, net)
    seen = embed_faces(path, net, crop=crop, progress=progress)
    boxes = [_whole(one, info) if one.boxes is None else one.boxes for one in seen]
    found = course(seen, sound, speech, search=search, given=given, least=min_chance)
    faces = [
        Face(one.track, one.start, box, _per_frame(likely, len(box)))
        for one, box, likely in zip(seen, boxes, found.chance, strict=True)
    ]
    told = None if found.offset is None else clock.seconds(found.offset)
    return Speakers(str(path), told, found.chance_any, faces, _turns(found, seen))


def _whole(seen: Seen, info: MediaInfo) -> np.ndarray:
    """Boxes (T, 4) of a face that fills the picture."""
    assert info.video is not None
    box = np.array([0, 0, info.video.width, info.video.height], np.float32)
    return np.repeat(box[None], len(seen.video) + clock.WINDOW_FRAMES - 1, axis=0)


def _per_frame(windows: Tensor, frames: int) -> np.ndarray:
    """Values of windows at their middle frames; the ends repeat."""
    values = np.pad(windows.numpy(), (_MIDDLE, _MIDDLE), mode="edge")[:frames]
    return np.pad(values, (0, frames - len(values)), mode="edge").astype(np.float32)


def _turns(found: Course, seen: list[Seen]) -> list[Turn]:
    """Stretches of voice with one speaker."""
    voiced = bridged(found.heard > 0.5, clock.frames(PAUSE))
    state = torch.where(voiced, found.who, -2)  # -2: silence
    edges = [0, *(torch.nonzero(state.diff())[:, 0] + 1).tolist(), len(state)]
    turns = []
    for first, last in zip(edges, edges[1:], strict=False):
        who = int(state[first])
        if who == -2:
            continue
        if who == -1:
            face, sure = None, found.nobody[first:last]
        else:
            face, likely = seen[who].track, found.chance[who]
            begin = min(first - seen[who].first, len(likely) - 1)  # a face is there for longer than its windows begin
            sure = likely[begin : begin + last - first]
        start = clock.seconds(first + _MIDDLE) if first else 0.0
        turns.append(Turn(start, clock.seconds(last + _MIDDLE), face, float(sure.mean())))
    return turns


def bridged(active: Tensor, longest: int) -> Tensor:
    """(T,) bool with pauses of at most ``longest`` between active stretches filled."""
    filled = active.clone()
    at = torch.nonzero(active)[:, 0].tolist()
    for before, after in zip(at, at[1:], strict=False):
        if after - before <= longest + 1:
            filled[before:after] = True
    return filled
