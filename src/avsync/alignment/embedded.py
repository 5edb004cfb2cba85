"""All faces and all sound of a file as a network sees them: what is compared across faces and far apart in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.pieces import PIECE_SECONDS, no_face, resized
from avsync.data.speech import speech_share
from avsync.media.read import read_frames
from avsync.media.sound import Sound
from avsync.models.syncnet import SyncNet

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Seen:
    """A face in one shot as the network sees it, T frames in N = T - 4 windows.

    Attributes:
        id: Number of the track.
        first: Frame of the file that it starts with.
        video: (N, D) embeddings.
        boxes: (T, 4) float32 x1, y1, x2, y2 in pixels of the picture.
    """

    id: int
    first: int
    video: Tensor
    boxes: np.ndarray

    @property
    def end(self) -> int:
        """Index after the last window, on the clock of the file."""
        return self.first + len(self.video)


@torch.inference_mode()
def embed_faces(
    path: str | Path,
    net: SyncNet,
    *,
    crop: str = "face",
    dtype: torch.dtype = torch.float16,
    progress: Progress | None = None,
) -> list[Seen]:
    """Every face of a file, in order of their starts.

    Args:
        path: A video.
        net: Two-tower network in evaluation mode.
        crop: ``face`` to find and follow faces; ``none`` when the picture already is one.
        dtype: What embeddings are kept as: 256 numbers a window are 13 kB a second as float16.
        progress: Called with the share of the file that is done, 0...1.

    Raises:
        MediaError: The picture cannot be read.
        NoFaceError: No face was followed for as long as a window.
    """
    device = next(net.parameters()).device
    first: dict[int, int] = {}
    rest: dict[int, np.ndarray] = {}
    video: dict[int, list[Tensor]] = {}
    boxes: dict[int, list[np.ndarray]] = {}
    for track, start, frames, box in _whole(path, net.face_size) if crop == "none" else _faces(path, net, progress):
        first.setdefault(track, start)
        boxes.setdefault(track, []).append(box)
        if track in rest:  # windows that begin in one piece and end in the next are not lost
            frames = np.concatenate([rest[track], frames])
        rest[track] = frames[1 - clock.WINDOW_FRAMES :]
        if len(frames) >= clock.WINDOW_FRAMES:
            new = net.embed_video(torch.from_numpy(frames)[None].to(device))[0].cpu().to(dtype)
            video.setdefault(track, []).append(new)
    if not video:
        raise no_face(path)
    ids = sorted(video, key=lambda track: (first[track], track))
    return [Seen(track, first[track], torch.cat(video[track]), np.concatenate(boxes[track])) for track in ids]


@torch.inference_mode()
def embed_sound(path: str | Path, net: SyncNet, dtype: torch.dtype = torch.float16) -> tuple[Tensor, Tensor]:
    """Embeddings (A, D) of all sound windows of a file, and the share of speech (A,) in each, 0...1."""
    sound, length = Sound(path), clock.frames(PIECE_SECONDS)
    device = next(net.parameters()).device
    embedded, speech = [], []
    first = 0
    while True:
        begin = max(0, first - length)  # what came before sets the level, however short the rest is
        last = first + length + clock.WINDOW_FRAMES - 1
        heard = sound.cut(begin * clock.SAMPLES_PER_FRAME, last * clock.SAMPLES_PER_FRAME)
        count = -(-len(heard) // clock.SAMPLES_PER_FRAME)
        waveform = torch.zeros(max(count, first - begin + clock.WINDOW_FRAMES) * clock.SAMPLES_PER_FRAME)
        waveform[: len(heard)] = torch.from_numpy(heard)
        new = slice(first - begin, None)
        embedded.append(net.embed_audio(waveform[None].to(device))[0, new].cpu().to(dtype))
        speech.append(speech_share(waveform)[new])
        if count < last - begin:
            return torch.cat(embedded), torch.cat(speech)
        first += length
        sound.forget((first - length) * clock.SAMPLES_PER_FRAME)


Stretch = tuple[int, int, np.ndarray, np.ndarray]
"""Track, first frame, pictures (T, H, W, 3), boxes (T, 4)."""


def _faces(path: str | Path, net: SyncNet, progress: Progress | None) -> Iterator[Stretch]:
    from avsync.faces.follow import follow_faces  # mediapipe takes seconds to import: not for files that fail early

    shortest = clock.seconds(clock.WINDOW_FRAMES)
    for clip in follow_faces(
        path, size=net.face_size, min_seconds=shortest, max_seconds=PIECE_SECONDS, progress=progress
    ):
        yield clip.track, clock.frames(clip.start), clip.frames, clip.boxes


def _whole(path: str | Path, size: int) -> Iterator[Stretch]:
    """The picture as it stands, resized frame by frame so that a large one costs no memory."""
    held: list[np.ndarray] = []
    box = np.zeros(4, np.float32)
    first = 0
    for index, picture in read_frames(path):
        first = first if held else index
        box = np.array([0, 0, picture.shape[1], picture.shape[0]], np.float32)
        held.append(resized(picture, size))
        if len(held) == clock.frames(PIECE_SECONDS):
            yield 0, first, np.stack(held), np.repeat(box[None], len(held), axis=0)
            held = []
    if held:
        yield 0, first, np.stack(held), np.repeat(box[None], len(held), axis=0)
