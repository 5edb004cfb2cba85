"""Finding faces in a picture, and the mesh of a face whose place is roughly known: mediapipe's two models."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from avsync.faces.geometry import Pose, overlap, pose_of_eyes
from avsync.faces.vision import cv2, mediapipe, quiet

_CONFIDENCE = 0.5
_SAME_FACE = 0.3
_WIDE = 1.3
_LONGEST_SIDE = 640
_SHORT_RANGE, _FULL_RANGE = 0, 1
_MESH_INPUT = 320


@dataclass(frozen=True)
class Detection:
    """A face found in a whole picture: score 0..1, box (4,) xyxy and pose in pixels of the picture."""

    score: float
    box: np.ndarray
    pose: Pose


class FaceDetector:
    """BlazeFace in both its sizes; close it after use.

    The full-range model finds faces down to a twentieth of the picture and misses many that fill it; the short-range
    model is the other way round. In a wide picture the full-range model looks at the two ends as well, where its
    192 pixels show more.
    """

    def __init__(self) -> None:
        blank = np.zeros((128, 128, 3), np.uint8)
        with quiet():
            self._models = [
                mediapipe.solutions.face_detection.FaceDetection(_CONFIDENCE, which)
                for which in (_SHORT_RANGE, _FULL_RANGE)
            ]
            for model in self._models:
                model.process(blank)

    def find(self, picture: np.ndarray) -> list[Detection]:
        """Faces in a picture (H, W, 3) uint8 RGB, best first, each once."""
        height, width = picture.shape[:2]
        shrink = min(1.0, _LONGEST_SIDE / max(height, width))
        small = picture
        if shrink < 1:
            size = (round(width * shrink), round(height * shrink))
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        found = self._look(_SHORT_RANGE, small, 0, 0) + self._look(_FULL_RANGE, small, 0, 0)
        rows, columns = small.shape[:2]
        side = min(rows, columns)
        if max(rows, columns) > _WIDE * side:
            for y, x in ((0, 0), (rows - side, columns - side)):
                found += self._look(_FULL_RANGE, small[y : y + side, x : x + side], x, y)
        return [_scaled(detection, width / columns) for detection in _once(found)]

    def find_near(self, patch: np.ndarray) -> bool:
        """True if a face is seen in a patch that was cut around one."""
        return bool(self._look(_SHORT_RANGE, patch, 0, 0))

    def _look(self, which: int, part: np.ndarray, left: int, top: int) -> list[Detection]:
        result = self._models[which].process(np.ascontiguousarray(part))
        size = np.array([part.shape[1], part.shape[0]], np.float32)
        corner = np.array([left, top], np.float32)
        return [_detection(found, size, corner) for found in result.detections or []]

    def close(self) -> None:
        """Give the models back."""
        for model in self._models:
            model.close()


def _detection(found: Any, size: np.ndarray, corner: np.ndarray) -> Detection:
    where = found.location_data
    box = where.relative_bounding_box
    first = np.array([box.xmin, box.ymin], np.float32) * size + corner
    last = first + np.array([box.width, box.height], np.float32) * size
    eyes = [complex(p.x * size[0] + corner[0], p.y * size[1] + corner[1]) for p in where.relative_keypoints[:2]]
    return Detection(float(found.score[0]), np.concatenate([first, last]), pose_of_eyes(*eyes))


def _scaled(detection: Detection, by: float) -> Detection:
    pose = Pose(detection.pose.eyes * by, detection.pose.side * by)
    return Detection(detection.score, detection.box * by, pose)


def _once(found: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda one: -one.score):
        if all(overlap(detection.box, other.box) < _SAME_FACE for other in kept):
            kept.append(detection)
    return kept


class FaceMesh:
    """mediapipe's face mesh for one face, which it follows from picture to picture; close it after use."""

    def __init__(self) -> None:
        self._greeted = False  # the first face of all is another occasion for a warning
        with quiet():
            self._model = mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1)
            self.forget()

    def forget(self) -> None:
        """Be ready for another face: nothing seen clears what the model carries over."""
        self._model.process(np.zeros((64, 64, 3), np.uint8))

    def find(self, patch: np.ndarray) -> np.ndarray | None:
        """Landmarks (468, 2) of the face in a square patch, in fractions of its side; None without a face."""
        if patch.shape[0] > _MESH_INPUT:
            patch = cv2.resize(patch, (_MESH_INPUT, _MESH_INPUT), interpolation=cv2.INTER_LINEAR)
        with nullcontext() if self._greeted else quiet():
            faces = self._model.process(np.ascontiguousarray(patch)).multi_face_landmarks
        if not faces:
            return None
        self._greeted = True
        return np.array([(point.x, point.y) for point in faces[0].landmark], np.float32)

    def close(self) -> None:
        """Give the model back."""
        self._model.close()
