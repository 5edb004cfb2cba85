"""From a file to steady crops of every face in it."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avsync import clock
from avsync.faces.detect import Detection, FaceDetector, FaceMesh
from avsync.faces.geometry import overlap
from avsync.faces.shots import with_cuts
from avsync.faces.track import LONGEST_GAP, Track
from avsync.media.ahead import Here, ahead
from avsync.media.probe import probe
from avsync.media.read import read_frames

_EVERY = 10
_EVERY_WITHOUT_FACE = 3
_MOST_FACES = 10
_MOST_DOUBTS = 3
_AHEAD = 4
"""Pictures that are decoded, and compared for cuts, while faces are followed."""
_SAME_FACE = 0.25
_TWO_ON_ONE = 0.6
SMALLEST_FACE = 24
"""Width in source pixels below which no track starts: a mouth of eight pixels says nothing."""


@dataclass(frozen=True)
class FaceClip:
    """A face followed through (a piece of) one shot, one row per frame at 25 fps.

    Attributes:
        track: Number of the track; pieces of one track share it and follow each other without a gap.
        start: Time of the first frame, s on the file clock, a multiple of 1/25.
        frames: (T, size, size, 3) uint8 RGB face crops, see `avsync.faces.geometry` for what they show.
        boxes: (T, 4) float32 x1, y1, x2, y2 around the face in pixels of the source.
        landmarks: (T, P, 2) float32 points `avsync.faces.geometry.LANDMARKS` in pixels of the source, unsmoothed.
        score: (T,) float32 score of the last detection, 0 to 1.
        others: (T,) uint8 how many other faces were followed at that time.
    """

    track: int
    start: float
    frames: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    score: np.ndarray
    others: np.ndarray


def follow_faces(
    path: str | Path,
    *,
    size: int = 96,
    min_seconds: float = 0.4,
    max_seconds: float = 30.0,
    every: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Iterator[FaceClip]:
    """Find and follow every face of a video; no face gives no clip.

    Streams: memory holds the unfinished pieces (28 kB a frame and face at size 96) and a handful of pictures.

    Args:
        path: A media file with a picture.
        size: Side of the crops, pixels.
        min_seconds: Shorter tracks are dropped.
        max_seconds: Longer tracks come in pieces of exactly this length and a rest.
        every: Look for the mesh of a face in every second or third frame only, and take the frames between by
            proportion: crops are smoothed over a fifth of a second anyway, ``landmarks`` are not. Faces that come later
            are looked for as much less often.
        progress: Called with the share of the file that is done, 0 to 1.

    Yields:
        Clips in order of their ends; a shot cut ends every track.

    Raises:
        MediaError: The file has no picture that can be read.
    """
    duration = probe(path).duration

    def told() -> Iterator[tuple[int, np.ndarray]]:
        for k, picture in read_frames(path):
            yield k, picture
            if progress is not None and duration:
                progress(min(1.0, clock.seconds(k + 1) / duration))

    return follow(told(), size=size, min_seconds=min_seconds, max_seconds=max_seconds, every=every, most_ahead=_AHEAD)


def follow(frames: Iterable[tuple[int, np.ndarray]], **how: Any) -> Iterator[FaceClip]:
    """The same for pictures that somebody else reads, as `avsync.media.read.read_frames` gives them."""
    for _, clips in follow_each(frames, **how):
        yield from clips


def follow_each(
    frames: Iterable[tuple[int, np.ndarray]],
    *,
    size: int,
    min_seconds: float,
    max_seconds: float,
    every: int = 1,
    most_ahead: int = 0,
) -> Iterator[tuple[int, list[FaceClip]]]:
    """The same picture by picture: its number and the clips that ended with it; once more at the end.

    With ``most_ahead`` a thread reads so many of them ahead and looks for cuts there, and another one makes the crops.
    """
    marked = with_cuts(frames)
    if most_ahead:
        marked = ahead(marked, most_ahead)
    k = 0
    hands = ThreadPoolExecutor(1, "crops") if most_ahead else Here()  # one: what comes first is made first
    follower = _Follower(size, clock.frames(min_seconds), max(1, clock.frames(max_seconds)), every, hands)
    try:
        for k, picture, cut in marked:
            ended = list(follower.end_all()) if cut else []
            yield k, ended + list(follower.step(k, picture))
        yield k, list(follower.end_all())
    finally:
        follower.close()


class _Follower:
    """The tracks of the current shot."""

    def __init__(self, size: int, shortest: int, longest: int, every: int, hands: Executor) -> None:
        self._size, self._shortest, self._longest, self._every = size, shortest, longest, every
        self._detector = FaceDetector()
        self._hands = hands
        self._tracks: list[Track] = []
        self._free: list[FaceMesh] = []
        self._count = 0
        self._next_detection = 0
        self._faces = bytearray()  # followed at each frame

    def step(self, k: int, picture: np.ndarray) -> Iterator[FaceClip]:
        for track in self._tracks:
            track.step(k, picture, look=track.missing > 0 or k % self._every == 0)
        if k >= self._next_detection:
            self._detect(k, picture)
            sure = bool(self._tracks) and not any(track.missing for track in self._tracks)
            self._next_detection = k + (_EVERY * self._every if sure else _EVERY_WITHOUT_FACE)
        elif any(track.missing for track in self._tracks):
            self._next_detection = min(self._next_detection, k + 2)
        self._faces.extend(bytes(k - len(self._faces)) + bytes([len(self._tracks)]))
        for track in list(self._tracks):
            if track.missing > LONGEST_GAP or track.doubts >= _MOST_DOUBTS or self._doubled(track):
                yield from self._end(track)
            else:
                yield from self._pieces(track, self._longest)

    def end_all(self) -> Iterator[FaceClip]:
        for track in list(self._tracks):
            yield from self._end(track)
        self._next_detection = 0

    def close(self) -> None:
        for mesh in self._free + [track.mesh for track in self._tracks]:
            mesh.close()
        self._free, self._tracks = [], []
        self._detector.close()
        self._hands.shutdown(cancel_futures=True)

    def _detect(self, k: int, picture: np.ndarray) -> None:
        new = self._detector.find(picture)
        for track in self._tracks:
            own = [one for one in new if overlap(one.box, track.box) > _SAME_FACE]
            if own:
                track.confirm(own[0])
                new = [one for one in new if all(one is not other for other in own)]
            elif not track.missing and not self._detector.find_near(track.patch(picture)):
                track.doubts += 1
        new = [one for one in new if one.box[2] - one.box[0] >= SMALLEST_FACE]
        for detection in new[: _MOST_FACES - len(self._tracks)]:
            self._start(k, picture, detection)

    def _start(self, k: int, picture: np.ndarray, detection: Detection) -> None:
        mesh = self._free.pop() if self._free else FaceMesh()
        track = Track(self._count, mesh, self._size, self._hands)
        if track.start(k, picture, detection) and not any(
            overlap(track.box, other.box) > _SAME_FACE for other in self._tracks
        ):
            self._count += 1
            self._tracks.append(track)
        else:
            self._release(mesh)

    def _doubled(self, track: Track) -> bool:
        """True for a younger track on the same face as an older one."""
        return any(
            other.number < track.number and overlap(other.box, track.box) > _TWO_ON_ONE for other in self._tracks
        )

    def _release(self, mesh: FaceMesh) -> None:
        mesh.forget()
        self._free.append(mesh)

    def _end(self, track: Track) -> Iterator[FaceClip]:
        track.end()
        self._tracks.remove(track)
        self._release(track.mesh)
        if track.length >= self._shortest:
            yield from self._pieces(track, self._longest)
            yield from self._pieces(track, 1)

    def _pieces(self, track: Track, at_least: int) -> Iterator[FaceClip]:
        done = track.finished
        while len(done.crops) >= at_least and track.length >= self._shortest:
            seen, crops = done.seen[: self._longest], done.crops[: self._longest]
            del done.seen[: self._longest], done.crops[: self._longest]
            yield FaceClip(
                track.number,
                clock.seconds(seen[0].k),
                np.stack([one.result() for one in crops]),
                np.stack([one.box for one in seen]).astype(np.float32),
                np.stack([one.landmarks for one in seen]).astype(np.float32),
                np.array([one.score for one in seen], np.float32),
                np.array([max(0, self._faces[one.k] - 1) for one in seen], np.uint8),
            )
