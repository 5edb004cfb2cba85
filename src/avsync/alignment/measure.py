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
from avsync.alignment.chance import MIN_CHANCE, Chance
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
        return self.estimate is not None and (self.chance is None or self.chance >= min_chance)


@dataclass(frozen=True)
class FileResult:
    """A measured file; its answer is that of the track that is likeliest right.

    Attributes:
        file: As given.
        tracks: In order of their start.
        min_chance: Answers less likely right are undecided.
    """

    file: str
    tracks: list[TrackResult]
    min_chance: float = MIN_CHANCE

    @property
    def best(self) -> TrackResult:
        """The track that is likeliest right; among equals, and without calibration, the most confident one."""

        def rank(track: TrackResult) -> tuple[float, float]:
            return track.chance or 0.0, -1.0 if track.estimate is None else track.estimate.confidence

        return max(self.tracks, key=rank)

    @property
    def verdict(self) -> str:
        """``in sync`` (within EBU R37), ``audio leads``, ``audio lags`` or ``undecided``."""
        found = self.best.estimate
        if found is None or not self.best.decided(self.min_chance):
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
    min_chance: float = MIN_CHANCE,
    progress: Callable[[float], None] | None = None,
) -> FileResult:
    """The offset of every face track of a file.

    Args:
        path: A video with sound.
        net: Two-tower network in evaluation mode.
        calibration: What :func:`avsync.models.checkpoints.load` gave with it.
        crop: ``face`` to find, follow and crop faces; ``none`` when the picture already is a face crop.
        search: Largest offset tried, in frames of 40 ms.
        min_chance: See :class:`FileResult`.
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
    chance = Chance.of(calibration)
    results = [_track(number, pieces, chance) for number, pieces in sorted(tracks.items())]
    return FileResult(str(path), results, min_chance)


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
    return _track(0, [compared], Chance.of(calibration))


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
        held.append(resized(frame, size))
        if len(held) == length:
            yield Piece(0, clock.seconds(first), np.stack(held))
            held = []
    if len(held) >= clock.WINDOW_FRAMES:
        yield Piece(0, clock.seconds(first), np.stack(held))


def resized(frame: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3) uint8 to (size, size, 3)."""
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


def _track(number: int, pieces: list[Compared], chance: Chance | None) -> TrackResult:
    distances = torch.cat([piece.distances for piece in pieces])
    weight = torch.cat([piece.weight for piece in pieces])
    found = estimate(distances, weight)
    likely = chance(found) if found is not None and chance is not None else None
    windows = [row for piece in pieces for row in _over_time(piece)]
    return TrackResult(number, pieces[0].start, pieces[-1].end, found, likely, windows)


def _over_time(piece: Compared) -> Iterator[tuple[float, Estimate]]:
    """Estimates of runs of 15 frames, by the time of their middle; a shorter piece is one run."""
    run = min(RUN_WINDOWS, len(piece.distances))
    middle = clock.seconds((run + clock.WINDOW_FRAMES - 1) / 2)
    for first in range(0, len(piece.distances) - run + 1, RUN_HOP):
        found = estimate(piece.distances[first : first + run], piece.weight[first : first + run])
        if found is not None:
            yield piece.start + clock.seconds(first) + middle, found
