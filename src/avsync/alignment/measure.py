"""A file's offset: its faces followed, embedded piece by piece, compared with its sound."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avsync import clock
from avsync.alignment.distances import distance_matrix
from avsync.alignment.offset import Estimate, estimate
from avsync.data.speech import speech_near, speech_share
from avsync.errors import MediaError, NoFaceError
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.read import read_frames
from avsync.media.sound import Sound
from avsync.models.syncnet import SyncNet

PIECE_SECONDS = 20.0
"""Longest stretch embedded at once: what memory depends on, instead of the length of the video."""

RUN_WINDOWS, RUN_HOP = 11, 5
"""The offset over time is told for runs of 15 frames (11 windows), every fifth frame."""

EBU_R37 = (-0.060, 0.040)
"""Seconds within which EBU R37 calls sound and picture in sync: at most 60 ms late, 40 ms early."""


@dataclass(frozen=True)
class Piece:
    """A stretch of one face, as the network takes it.

    Attributes:
        track: Which face in which shot.
        start: Seconds on the file's clock.
        frames: (T, H, W, 3) uint8.
    """

    track: int
    start: float
    frames: np.ndarray


@dataclass(frozen=True)
class TrackResult:
    """One face in one shot.

    Attributes:
        id: Number of the track.
        start: Seconds on the file's clock.
        end: The same.
        estimate: Offset and confidence, None when there was nothing to compare (silence).
        chance: Confidence that a wrong match reaches in 1 of 20 cases at this length; 0 when unknown.
        windows: The same over time: (time in s, estimate).
    """

    id: int
    start: float
    end: float
    estimate: Estimate | None
    chance: float
    windows: list[tuple[float, Estimate]]

    @property
    def margin(self) -> float:
        """How far the confidence stands above chance; below 0 it says nothing."""
        return -math.inf if self.estimate is None else self.estimate.confidence - self.chance


@dataclass(frozen=True)
class FileResult:
    """A measured file; its answer is that of the track that stands out most.

    Attributes:
        file: As given.
        tracks: In order of their start.
    """

    file: str
    tracks: list[TrackResult]

    @property
    def best(self) -> TrackResult:
        """The track whose confidence stands out most above chance."""
        return max(self.tracks, key=lambda track: track.margin)

    @property
    def verdict(self) -> str:
        """``in sync`` (within EBU R37), ``audio leads``, ``audio lags`` or ``undecided``."""
        found = self.best.estimate
        if found is None or self.best.margin < 0:
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
    search: int = 15,
    progress: Callable[[float], None] | None = None,
) -> FileResult:
    """The offset of every face track of a file.

    Args:
        path: A video with sound.
        net: Two-tower network in evaluation mode.
        calibration: What :func:`avsync.models.checkpoints.load` gave with it.
        crop: ``face`` to find, follow and crop faces; ``none`` when the picture already is a face crop.
        search: Largest offset tried, in frames of 40 ms.
        progress: Called with the share of the file that is done, 0...1.

    Returns:
        One answer a track and one for the file.

    Raises:
        MediaError: The file cannot be read, lacks picture or sound, or is shorter than a window.
        NoFaceError: No face was followed for as long as a window.
    """
    info = probe(path)
    require_picture_and_sound(info)
    shortest = clock.seconds(clock.WINDOW_FRAMES)
    if info.duration < shortest:
        raise MediaError(f"{path} lasts {info.duration:.2f} s; a window is {shortest} s: give a longer video")
    sound = Sound(path)
    tracks: dict[int, list[Compared]] = {}
    for piece in _whole_picture(path, net) if crop == "none" else _faces(path, net, progress):
        tracks.setdefault(piece.track, []).append(_compare(piece, *_around(piece, sound, search), net, search))
    if not tracks:
        raise NoFaceError(
            f"no face was found in {path} for as long as {shortest} s; a visible face is needed "
            "(--crop none takes a file that already is a face crop)"
        )
    chances = (calibration or {}).get("unmatched", {})
    return FileResult(str(path), [_track(number, pieces, chances) for number, pieces in sorted(tracks.items())])


def measure_clip(
    frames: np.ndarray, audio: np.ndarray, net: SyncNet, calibration: dict[str, Any] | None = None, *, search: int = 15
) -> TrackResult:
    """The offset of a face crop and its sound that are already in memory.

    Args:
        frames: (T, H, W, 3) uint8, T at least 5.
        audio: (S,) float32 at 16 kHz, from the same instant on.
        net: As for :func:`measure`.
        calibration: The same.
        search: The same.
    """
    compared = _compare(Piece(0, 0.0, frames), audio, 0, net, search)
    return _track(0, [compared], (calibration or {}).get("unmatched", {}))


def _faces(path: str | Path, net: SyncNet, progress: Callable[[float], None] | None) -> Iterator[Piece]:
    from avsync.faces.follow import (
        follow_faces,  # mediapipe takes seconds to import: not for files that fail early
    )

    shortest, size = clock.seconds(clock.WINDOW_FRAMES), net.face_size
    faces = follow_faces(path, size=size, min_seconds=shortest, max_seconds=PIECE_SECONDS, progress=progress)
    for face in faces:
        if len(face.frames) >= clock.WINDOW_FRAMES:
            yield Piece(face.track, face.start, face.frames)


def _whole_picture(path: str | Path, net: SyncNet) -> Iterator[Piece]:
    """The picture as it stands, as one track, resized frame by frame so that a large one costs no memory."""
    size, length = net.face_size, clock.frames(PIECE_SECONDS)
    held: list[np.ndarray] = []
    first = 0
    for index, frame in read_frames(path):
        first = index if not held else first
        held.append(_resized(frame, size))
        if len(held) == length:
            yield Piece(0, clock.seconds(first), np.stack(held))
            held = []
    if len(held) >= clock.WINDOW_FRAMES:
        yield Piece(0, clock.seconds(first), np.stack(held))


def _resized(frame: np.ndarray, size: int) -> np.ndarray:
    if frame.shape[:2] == (size, size):
        return frame
    planes = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    small = F.interpolate(planes, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return small[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()


@dataclass(frozen=True)
class Compared:
    """A piece after the comparison.

    Attributes:
        start: Seconds on the file's clock.
        end: The same.
        distances: (N, 2 search + 1).
        weight: (N,) how much speech is within each window's search range, 0...1.
    """

    start: float
    end: float
    distances: Tensor
    weight: Tensor


def _around(piece: Piece, sound: Sound, search: int) -> tuple[np.ndarray, int]:
    """The sound of a piece as far around it as the search reaches, and the frame that it starts with."""
    first, last = clock.frames(piece.start), clock.frames(piece.start) + len(piece.frames)
    begin = max(0, first - search)
    heard = sound.cut(begin * clock.SAMPLES_PER_FRAME, (last + search) * clock.SAMPLES_PER_FRAME)
    # pieces come in the order of their ends, none longer than this
    sound.forget((last - clock.frames(PIECE_SECONDS) - search) * clock.SAMPLES_PER_FRAME)
    return heard, begin


@torch.inference_mode()
def _compare(piece: Piece, heard: np.ndarray, begin: int, net: SyncNet, search: int) -> Compared:
    """Embed a piece and the sound around it, which starts with frame ``begin``."""
    device = next(net.parameters()).device
    length = math.ceil(len(heard) / clock.SAMPLES_PER_FRAME)
    waveform = torch.zeros(max(length, clock.WINDOW_FRAMES) * clock.SAMPLES_PER_FRAME)
    waveform[: len(heard)] = torch.from_numpy(heard)
    video = net.embed_video(torch.from_numpy(piece.frames)[None].to(device))[0].cpu()
    voice = net.embed_audio(waveform[None].to(device))[0].cpu()
    start = clock.frames(piece.start) - begin
    distances = distance_matrix(video, voice, search, start=start)
    near = speech_near(speech_share(waveform), search)
    index = (torch.arange(len(video)) + start).clamp(max=len(near) - 1)
    return Compared(piece.start, piece.start + clock.seconds(len(piece.frames)), distances, near[index])


def _track(number: int, pieces: list[Compared], chances: dict[str, float]) -> TrackResult:
    distances = torch.cat([piece.distances for piece in pieces])
    weight = torch.cat([piece.weight for piece in pieces])
    found = estimate(distances, weight)
    chance = chance_confidence(found.windows, chances) if found else 0.0
    windows = [row for piece in pieces for row in _over_time(piece)]
    return TrackResult(number, pieces[0].start, pieces[-1].end, found, chance, windows)


def _over_time(piece: Compared) -> Iterator[tuple[float, Estimate]]:
    """Estimates of runs of 15 frames, by the time of their middle; a shorter piece is one run."""
    run = min(RUN_WINDOWS, len(piece.distances))
    middle = clock.seconds((run + clock.WINDOW_FRAMES - 1) / 2)
    for first in range(0, len(piece.distances) - run + 1, RUN_HOP):
        found = estimate(piece.distances[first : first + run], piece.weight[first : first + run])
        if found is not None:
            yield piece.start + clock.seconds(first) + middle, found


def chance_confidence(windows: float, chances: dict[str, float]) -> float:
    """The confidence a wrong match reaches in 1 of 20 cases, for a number of windows.

    Between the numbers measured it follows the line between them in logarithms; beyond them it falls as the root of
    their number, as the mean of independent windows does.

    Args:
        windows: Windows averaged, > 0.
        chances: ``unmatched`` of a checkpoint's calibration, may be empty.
    """
    if not chances:
        return 0.0
    numbers = sorted(int(number) for number in chances)
    values = [max(chances[str(number)], 1e-6) for number in numbers]
    if windows < numbers[0] or windows > numbers[-1]:
        nearest = 0 if windows < numbers[0] else -1
        return values[nearest] * math.sqrt(numbers[nearest] / windows)
    return math.exp(float(np.interp(math.log(windows), np.log(numbers), np.log(values))))
