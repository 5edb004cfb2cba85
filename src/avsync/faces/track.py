"""One face followed from frame to frame."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

import numpy as np

from avsync.clock import frames as frames_of
from avsync.faces.crop import Patch, Seen, Stabiliser, cut_patch
from avsync.faces.detect import Detection, FaceMesh
from avsync.faces.geometry import MESH_POINTS, Pose, box_of, overlap, pose_of_mesh

LONGEST_GAP = frames_of(0.4)
"""Frames without the face that are filled in; after more the track has ended."""

_SAME_FACE = 0.3

_MOST_CROPS = 8
"""Crops that may wait to be made: each keeps the pixels it is made of."""


@dataclass
class Finished:
    """Frames of a track that are done, in order; pieces are cut from the front. The last crops may still be made."""

    seen: list[Seen]
    crops: list[Future[np.ndarray]]


class Track:
    """A face, its mesh model and its frames on the way to crops.

    Attributes:
        number: Unlike that of any other track of the file.
        box: Where the face was seen last, (4,) xyxy in pixels.
        missing: Frames since then.
        doubts: Detections in a row that did not find it.
        length: Frames from the first to the last sight.
    """

    def __init__(self, number: int, mesh: FaceMesh, size: int, hands: Executor) -> None:
        self.number = number
        self.mesh = mesh
        self.box = np.zeros(4, np.float32)
        self.missing = 0
        self.doubts = 0
        self.length = 0
        self.finished = Finished([], [])
        self._size, self._hands = size, hands
        self._pose: Pose | None = None
        self._score = 0.0
        self._last: Seen | None = None
        self._unseen: list[tuple[int, Callable[[], Patch]]] = []
        self._stabiliser = Stabiliser(size, hands)

    def start(self, k: int, picture: np.ndarray, detection: Detection) -> bool:
        """Begin with a detection; False if no mesh fits there."""
        self._pose, self._score, self.box = detection.pose, detection.score, detection.box
        # the guess from the eyes alone is coarse: the second look is at the right place and scale
        return self._look(self._cut(picture)) is not None and self.step(k, picture)

    def step(self, k: int, picture: np.ndarray, look: bool = True) -> bool:
        """Look for the face in the next frame, or leave it to be filled in; False if it is not there."""
        if not look:
            assert self._pose is not None
            self._unseen.append((k, self._hands.submit(cut_patch, picture, self._pose, self._size).result))
            return True
        patch = self._cut(picture)
        points = self._look(patch)
        if points is None:
            self.missing += 1
            self._unseen.append((k, lambda: patch))
            return False
        self._see(k, patch, points)
        return True

    def confirm(self, detection: Detection) -> None:
        """A detection of this face: it counts as sure, and is looked for there if it was lost."""
        self.doubts, self._score = 0, detection.score
        if self.missing:
            self._pose, self.box = detection.pose, detection.box

    def patch(self, picture: np.ndarray) -> np.ndarray:
        """Pixels around where the face was last."""
        return self._cut(picture).pixels

    def end(self) -> None:
        """No more frames: finish those on the way."""
        if self._unseen and not self.missing:  # the last frames were left to be filled in
            k, patch = self._unseen.pop()
            points = self._look(patch())
            if points is not None:
                self._see(k, patch(), points)
        self._finish(self._stabiliser.flush())

    def _cut(self, picture: np.ndarray) -> Patch:
        assert self._pose is not None
        return cut_patch(picture, self._pose, self._size)

    def _look(self, patch: Patch) -> np.ndarray | None:
        """The mesh (468, 2) in pixels of the picture, if it is this face's."""
        fractions = self.mesh.find(patch.pixels)
        if fractions is None:
            return None
        points = patch.to_picture(fractions)
        box = box_of(points)
        if overlap(box, self.box) < _SAME_FACE or not _plausible(points, box):
            return None
        self._pose, self.box = pose_of_mesh(points), box
        return points

    def _see(self, k: int, patch: Patch, points: np.ndarray) -> None:
        """Take a frame with its mesh, and before it those in between."""
        seen = Seen(k, lambda: patch, pose_of_mesh(points), points[list(MESH_POINTS)], box_of(points), self._score)
        for filled in self._between(seen):
            self._push(filled)
        self._push(seen)
        self._last, self._unseen, self.missing = seen, [], 0

    def _between(self, seen: Seen) -> list[Seen]:
        """The frames since the last sight, with everything in between by proportion."""
        if self._last is None:
            return []
        last, filled = self._last, []
        for k, patch in self._unseen:
            t = (k - last.k) / (seen.k - last.k)
            pose = Pose(
                last.pose.eyes + t * (seen.pose.eyes - last.pose.eyes),
                last.pose.side + t * (seen.pose.side - last.pose.side),
            )
            landmarks = last.landmarks + t * (seen.landmarks - last.landmarks)
            box = last.box + np.float32(t) * (seen.box - last.box)
            filled.append(replace(last, k=k, patch=patch, pose=pose, landmarks=landmarks, box=box))
        return filled

    def _push(self, seen: Seen) -> None:
        self.length += 1
        self._finish(self._stabiliser.push(seen))

    def _finish(self, ready: list[tuple[Seen, Future[np.ndarray]]]) -> None:
        for seen, pixels in ready:
            # the patch is large and no longer needed here
            self.finished.seen.append(replace(seen, patch=_no_patch))
            self.finished.crops.append(pixels)
        for waiting in self.finished.crops[-_MOST_CROPS - 1 : -_MOST_CROPS]:
            waiting.result()


def _no_patch() -> Patch:
    raise AssertionError("a finished frame has no patch")


def _plausible(points: np.ndarray, box: np.ndarray) -> bool:
    """False for a mesh that collapsed or lies on its head."""
    width, height = box[2] - box[0], box[3] - box[1]
    across = points[263] - points[33]
    return bool(min(width, height) > 0.25 * max(width, height) and np.hypot(*across) > 0.15 * max(width, height))
