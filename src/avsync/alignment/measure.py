"""A file's offset: its faces followed, embedded piece by piece, compared with its sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from avsync import clock
from avsync.alignment.chance import MIN_CHANCE, Chance, decided, likelihood
from avsync.alignment.combine import Combined, combine
from avsync.alignment.compare import Compared, around, compare
from avsync.alignment.distances import WIDE
from avsync.alignment.offset import Estimate, Sums, estimate
from avsync.alignment.pieces import Piece, no_face, pieces, require_window
from avsync.media.ahead import ahead
from avsync.media.sound import Sound
from avsync.models.syncnet import SyncNet

SEARCH = 25
"""Frames to either side that are tried unless told otherwise: ±1 s."""

RUN_WINDOWS, RUN_HOP = 11, 5
"""The offset over time is told for runs of 15 frames (11 windows), every fifth frame."""

EBU_R37 = (-0.060, 0.040)
"""Seconds within which EBU R37 calls sound and picture in sync: at most 60 ms late, 40 ms early."""


@dataclass(frozen=True)
class TrackResult:
    """One face in one shot.

    Attributes:
        id: Number of the track.
        start: Seconds on the file's clock.
        end: The same.
        estimate: Offset and confidence, None when there was nothing to compare (silence).
        chance: That the estimate is within ±1 frame of the truth, 0...1; None when nobody calibrated the network.
        windows: The same over time: (time in s, estimate).
    """

    id: int
    start: float
    end: float
    estimate: Estimate | None
    chance: float | None
    windows: list[tuple[float, Estimate]]

    def decided(self, min_chance: float = MIN_CHANCE) -> bool:
        """Whether there is an answer that is likely enough to be given; without calibration every one is."""
        return self.estimate is not None and decided(self.chance, min_chance)


@dataclass(frozen=True)
class FileResult:
    """A measured file.

    Attributes:
        file: As given.
        tracks: In order of their start.
        min_chance: Answers less likely right are undecided.
        combined: What the tracks say together; None leaves the answer to the best of them.
    """

    file: str
    tracks: list[TrackResult]
    min_chance: float = MIN_CHANCE
    combined: Combined | None = None

    @property
    def best(self) -> TrackResult:
        """The track that is likeliest right; among equals, and without calibration, the most confident one."""

        def rank(track: TrackResult) -> tuple[float, float]:
            return track.chance or 0.0, -1.0 if track.estimate is None else track.estimate.confidence

        return max(self.tracks, key=rank)

    @property
    def estimate(self) -> Estimate | None:
        """The file's offset and confidence; None when there was nothing to compare."""
        return (self.combined or self.best).estimate

    @property
    def chance(self) -> float | None:
        """That it is within ±1 frame of the truth, 0...1; None when nobody calibrated the network."""
        return (self.combined or self.best).chance

    @property
    def weights(self) -> tuple[float, ...]:
        """Share of each track in the answer."""
        if self.combined is not None:
            return self.combined.weights
        return tuple(float(track is self.best and track.estimate is not None) for track in self.tracks)

    @property
    def verdict(self) -> str:
        """``in sync`` (within EBU R37), ``audio leads``, ``audio lags`` or ``undecided``."""
        found = self.estimate
        if found is None or not decided(self.chance, self.min_chance):
            return "undecided"
        if EBU_R37[0] <= found.offset <= EBU_R37[1]:
            return "in sync"
        return "audio leads" if found.offset > 0 else "audio lags"


def measure(
    path: str | Path,
    net: SyncNet,
    calibration: dict[str, Any] | None = None,
    *,
    crop: str = "face",
    search: int = SEARCH,
    min_chance: float = MIN_CHANCE,
    progress: Callable[[float], None] | None = None,
    seen: Callable[[Piece, Compared], None] | None = None,
) -> FileResult:
    """The offset of every face track of a file, and of them together.

    Memory holds a piece at a time; what grows with the file is a curve every 0.2 s of each track, 4 MB an hour at
    ±1 s and 54 MB at ±30 s.

    Args:
        path: A video with sound.
        net: Two-tower network in evaluation mode.
        calibration: What :func:`avsync.models.checkpoints.load` gave with it.
        crop: ``face`` to find, follow and crop faces; ``none`` when the picture already is a face crop.
        search: Largest offset tried, in frames of 40 ms.
        min_chance: See :class:`FileResult`.
        progress: Called with the share of the file that is done, 0...1.
        seen: Called with every piece of a face and its distances, for who shows or examines them.

    Returns:
        One answer a track and one for the file.

    Raises:
        MediaError: The file cannot be read, lacks picture or sound, or is shorter than a window.
        NoFaceError: No face was followed for as long as a window.
    """
    require_window(path)
    sound = Sound(path)
    tracks: dict[int, _Track] = {}
    for piece in ahead(pieces(path, net, crop, progress), 1):  # faces are followed while others are embedded
        if len(piece.frames) < clock.WINDOW_FRAMES:
            continue
        compared = compare(piece, *around(piece, sound, search), net, search)
        tracks.setdefault(piece.track, _Track(piece.track)).add(compared)
        if seen is not None:
            seen(piece, compared)
    if not tracks:
        raise no_face(path)
    chance = Chance.of(calibration)
    results = [track.result(chance) for _, track in sorted(tracks.items())]
    combined = combine([(track.estimate, track.chance) for track in results], chance, min_chance)
    return FileResult(str(path), [_closer(track, combined, min_chance) for track in results], min_chance, combined)


def measure_clip(
    frames: np.ndarray,
    audio: np.ndarray,
    net: SyncNet,
    calibration: dict[str, Any] | None = None,
    *,
    search: int = SEARCH,
) -> TrackResult:
    """The offset of a face crop and its sound that are already in memory.

    Args:
        frames: (T, H, W, 3) uint8, T at least 5.
        audio: (S,) float32 at 16 kHz, from the same instant on.
        net: As for :func:`measure`.
        calibration: The same.
        search: The same.
    """
    track = _Track(0)
    track.add(compare(Piece(0, 0.0, frames), audio, 0, net, search))
    return track.result(Chance.of(calibration))


class _Track:
    """What is kept of a track while its pieces come."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._start: float | None = None
        self._end = 0.0
        self._sums = Sums()
        self._windows: list[tuple[float, Estimate]] = []

    def add(self, piece: Compared) -> None:
        self._start = piece.start if self._start is None else self._start
        self._end = piece.end
        self._sums.add(piece.distances, piece.weight)
        for time, found in _over_time(piece):
            # half a number's precision is a thousandth of a distance, and there are 1501 of them every 0.2 s
            wide = found.search > WIDE
            self._windows.append((time, replace(found, curve=found.curve.half()) if wide else found))

    def result(self, chance: Chance | None) -> TrackResult:
        found = self._sums.estimate()
        likely = likelihood(found, chance)
        return TrackResult(self._number, self._start or 0.0, self._end, found, likely, self._windows)


def _over_time(piece: Compared) -> Iterator[tuple[float, Estimate]]:
    """Estimates of runs of 15 frames, by the time of their middle; a shorter piece is one run."""
    run = min(RUN_WINDOWS, len(piece.distances))
    middle = clock.seconds((run + clock.WINDOW_FRAMES - 1) / 2)
    for first in range(0, len(piece.distances) - run + 1, RUN_HOP):
        found = estimate(piece.distances[first : first + run], piece.weight[first : first + run])
        if found is not None:
            yield piece.start + clock.seconds(first) + middle, found


def _closer(track: TrackResult, combined: Combined, min_chance: float) -> TrackResult:
    """A track with the offset over time read near its answer, the file's where it has none: 0.6 s decide no ±30 s."""
    answer = track.estimate if track.decided(min_chance) else combined.estimate
    if answer is None or answer.search <= WIDE:
        return track
    windows = [(time, near) for time, found in track.windows if (near := found.near(answer.frames)) is not None]
    return replace(track, windows=windows)
