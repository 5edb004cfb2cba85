"""Shot cuts, found while the frames stream by."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from scenedetect import AdaptiveDetector, FrameTimecode

from avsync.clock import FPS
from avsync.faces.vision import cv2

_SHORTER_SIDE = 90
_LOOK_AHEAD = 2
_SHORTEST_SHOT = 5


def with_cuts(frames: Iterable[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray, bool]]:
    """Mark the first frame of every shot but the first.

    A cut is a change far above that of the two frames before and after (PySceneDetect's AdaptiveDetector), so fast
    motion is none; frames come out two later than they go in.

    Args:
        frames: ``(k, picture)`` as `avsync.media.read.read_frames` gives them.

    Yields:
        ``(k, picture, cut)``.
    """
    detector = AdaptiveDetector(window_width=_LOOK_AHEAD, min_scene_len=_SHORTEST_SHOT)
    waiting: deque[tuple[int, np.ndarray]] = deque()
    cuts: set[int] = set()
    for k, picture in frames:
        found = detector.process_frame(FrameTimecode(k, fps=float(FPS)), _small(picture))
        cuts.update(code.frame_num for code in found)
        waiting.append((k, picture))
        if len(waiting) > _LOOK_AHEAD:
            first, early = waiting.popleft()
            yield first, early, first in cuts
            cuts.discard(first)
    for k, picture in waiting:
        yield k, picture, k in cuts


def _small(picture: np.ndarray) -> np.ndarray:
    # every pixel of a large picture would cost more than all the rest: of each four by four, say, one
    thin = _whole(picture, max(1, min(picture.shape[:2]) // (2 * _SHORTER_SIDE)), cv2.INTER_NEAREST)
    small = _whole(thin, max(1, min(thin.shape[:2]) // _SHORTER_SIDE), cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2BGR)


def _whole(picture: np.ndarray, factor: int, how: int) -> np.ndarray:
    """Smaller by a whole number, many times faster than by a fraction; what is left over at the edges is cut off."""
    if factor == 1:
        return picture
    rows, columns = picture.shape[0] // factor, picture.shape[1] // factor
    return cv2.resize(picture[: rows * factor, : columns * factor], (columns, rows), interpolation=how)
