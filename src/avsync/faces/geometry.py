"""Where a face lies and what the face crop shows of it. All coordinates are continuous: pixel i covers [i, i + 1)."""

from dataclasses import dataclass

import numpy as np

LANDMARKS = (
    "right_eye_outer",
    "left_eye_outer",
    "subnasale",
    "right_mouth_corner",
    "left_mouth_corner",
    "upper_inner_lip",
    "lower_inner_lip",
)
"""Names of the points in a clip's ``landmarks``; right and left are the person's own."""

MESH_POINTS = (33, 263, 2, 61, 291, 13, 14)
"""Their indices in mediapipe's face mesh."""

EYES = (0.5, 0.27)
"""Where the midpoint of the eyes lies in the crop (x, y as fractions of its side)."""

EYES_TO_SUBNASALE = 0.25
"""So the subnasale lies at about (0.5, 0.52) and the mouth at about (0.5, 0.64)."""

EYE_DISTANCE = 0.33
"""Distance between the centres of the eyes in the crop for a face seen from the front."""

_RIGHT_EYE, _LEFT_EYE, _SUBNASALE = (33, 133), (263, 362), 2


@dataclass(frozen=True)
class Pose:
    """A similarity transform from the crop to the picture.

    Attributes:
        eyes: Midpoint of the eyes in the picture, x + iy in pixels.
        side: The crop's upper edge in the picture as a vector, x + iy: its length is the crop's side in pixels, its
            angle the roll of the head.
    """

    eyes: complex
    side: complex

    def to_picture(self, crop: np.ndarray) -> np.ndarray:
        """Points (..., 2) in fractions of the crop's side, as points (..., 2) in pixels of the picture."""
        relative = (crop[..., 0] - EYES[0]) + 1j * (crop[..., 1] - EYES[1])
        points = self.eyes + self.side * relative
        return np.stack([points.real, points.imag], axis=-1)


def pose_of_mesh(mesh: np.ndarray) -> Pose:
    """The pose of one face by parts that speech does not move: corners of the eyes and the base of the nose.

    A turned head shortens the distance of the eyes and a nodding one the length of the nose, so the scale takes
    both.

    Args:
        mesh: (468, 2) landmarks in pixels.
    """
    points = mesh[:, 0] + 1j * mesh[:, 1]
    right, left = points[list(_RIGHT_EYE)].mean(), points[list(_LEFT_EYE)].mean()
    return _pose(complex(right), complex(left), complex(points[_SUBNASALE]))


def _pose(right: complex, left: complex, subnasale: complex) -> Pose:
    eyes, across = (right + left) / 2, left - right
    scale = np.hypot(abs(across) / EYE_DISTANCE, abs(subnasale - eyes) / EYES_TO_SUBNASALE) / np.sqrt(2)
    return Pose(eyes, complex(scale * across / max(abs(across), 1e-6)))


def pose_of_eyes(right: complex, left: complex) -> Pose:
    """A first guess from the eyes alone, for a face just detected."""
    return Pose((right + left) / 2, (left - right) / EYE_DISTANCE)


def smooth(poses: list[Pose], weights: np.ndarray) -> Pose:
    """The weighted mean of poses; weights (len(poses),) above 0 of any sum."""
    share = weights / weights.sum()
    eyes = sum(w * pose.eyes for w, pose in zip(share, poses, strict=True))
    side = sum(w * pose.side for w, pose in zip(share, poses, strict=True))
    return Pose(complex(eyes), complex(side))


def box_of(points: np.ndarray) -> np.ndarray:
    """The box x1, y1, x2, y2 (4,) float32 around points (N, 2)."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2: 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return float(both / (areas - both))
