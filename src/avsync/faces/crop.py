"""Cutting faces out of pictures: a roomy patch at once, the stabilised crop when the next poses are known."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np

from avsync.faces.geometry import EYES, Pose, smooth
from avsync.faces.vision import cv2

ROOM = 1.6
"""Side of a patch in sides of the crop: the crop fits at any roll, and the next pose may differ a little."""

_OVERSAMPLING = 2
_SIGMA = 2.5
REACH = 6
"""Frames before and after that take part in smoothing."""


@dataclass(frozen=True)
class Patch:
    """A square part of a picture, upright, shrunk if it is larger than any use of it.

    Attributes:
        pixels: (M, M, 3) uint8 RGB; what lies outside of the picture repeats its edge.
        corner: x, y of its upper left corner in the picture.
        scale: Patch pixels per picture pixel, at most 1.
    """

    pixels: np.ndarray
    corner: np.ndarray
    scale: float

    def to_picture(self, fractions: np.ndarray) -> np.ndarray:
        """Points (..., 2) in fractions of the patch's side, in pixels of the picture."""
        return fractions * (self.pixels.shape[0] / self.scale) + self.corner


def cut_patch(picture: np.ndarray, pose: Pose, size: int) -> Patch:
    """The patch around a face from which a crop of ``size`` pixels can be made without loss."""
    side = max(8, round(ROOM * abs(pose.side)))
    # averaging whole pixels is many times faster than fractions of them; the crop's own resampling does the rest
    factor = max(1, side // round(ROOM * size * _OVERSAMPLING))
    side -= side % factor
    centre = pose.eyes + pose.side * complex(0.5 - EYES[0], 0.5 - EYES[1])
    # never wholly outside: there is no edge to repeat
    height, width = picture.shape[:2]
    x = round(min(max(centre.real, 0), width) - side / 2)
    y = round(min(max(centre.imag, 0), height) - side / 2)
    pixels = _slice(picture, x, y, side)
    if factor > 1:
        pixels = cv2.resize(pixels, (side // factor, side // factor), interpolation=cv2.INTER_AREA)
    elif pixels.base is not None:
        pixels = pixels.copy()  # not a view that keeps the whole picture in memory
    return Patch(pixels, np.array([x, y], np.float32), 1 / factor)


def _slice(picture: np.ndarray, x: int, y: int, side: int) -> np.ndarray:
    height, width = picture.shape[:2]
    left, top = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    right, bottom = min(max(x + side, left + 1), width), min(max(y + side, top + 1), height)
    inside = picture[top:bottom, left:right]
    above, below, before, after = top - y, y + side - bottom, left - x, x + side - right
    if not any((above, below, before, after)):
        return inside
    return cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)


def crop(patch: Patch, pose: Pose, size: int) -> np.ndarray:
    """The face crop (size, size, 3) uint8; made twice as large and averaged down, so that nothing aliases."""
    fine = size * _OVERSAMPLING
    # crop pixel -> picture -> patch, as one affine map; cv2 counts from pixel centres
    corners = (np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]) + 0.5) / fine
    at = (pose.to_picture(corners) - patch.corner) * patch.scale - 0.5
    affine = np.column_stack([at[1] - at[0], at[2] - at[0], at[0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(patch.pixels, affine, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class Seen:
    """A face in one frame: index, patch, pose, the named landmarks (P, 2), box (4,) and detection score.

    The patch is asked for, since it may still be on its way.
    """

    k: int
    patch: Callable[[], Patch]
    pose: Pose
    landmarks: np.ndarray
    box: np.ndarray
    score: float


class Stabiliser:
    """Turns the frames of one track into steady crops, `REACH` frames later.

    Position, scale and roll are averaged over about a fifth of a second (Gaussian); lips move faster, and no lip
    takes part.

    Args:
        size: Side of the crops, pixels.
        hands: Who makes them, one after the other in the order given; a thread, where faces are looked for in another.
    """

    def __init__(self, size: int, hands: Executor) -> None:
        self._size, self._hands = size, hands
        self._window: list[Seen] = []
        self._next = 0

    def push(self, seen: Seen) -> list[tuple[Seen, Future[np.ndarray]]]:
        """Take the next frame; give those that now have all their neighbours."""
        self._window.append(seen)
        return self._ready(REACH)

    def flush(self) -> list[tuple[Seen, Future[np.ndarray]]]:
        """Give the rest, after the last frame."""
        return self._ready(0)

    def _ready(self, ahead: int) -> list[tuple[Seen, Future[np.ndarray]]]:
        ready = []
        while self._next < len(self._window) - ahead:
            seen = self._window[self._next]
            near = range(max(0, self._next - REACH), min(len(self._window), self._next + REACH + 1))
            distance = np.array([i - self._next for i in near])
            weights = np.exp(-0.5 * (distance / _SIGMA) ** 2)
            steady = smooth([self._window[i].pose for i in near], weights)
            ready.append((seen, self._hands.submit(_cropped, seen.patch, steady, self._size)))
            self._next += 1
            if self._next > REACH:
                self._window.pop(0)
                self._next -= 1
        return ready


def _cropped(patch: Callable[[], Patch], pose: Pose, size: int) -> np.ndarray:
    return crop(patch(), pose, size)
