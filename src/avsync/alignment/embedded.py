"""All faces and all sound of a file as a network sees them: what is compared across faces and far apart in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.pieces import PIECE_SECONDS, Piece, no_face, pieces
from avsync.data.speech import speech_share
from avsync.media.probe import probe
from avsync.media.sound import Sound
from avsync.models.syncnet import SyncNet

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Seen:
    """A face as the network sees it, T frames in N = T - 4 windows: half a kB a picture as float16, 46 MB an hour.

    Attributes:
        track: Which face in which shot.
        start: Seconds on the clock of the file.
        video: (N, D) embeddings of its windows.
        shown: (N,) how much of speaking each of them shows, 0...1, as :mod:`avsync.alignment.shown` has it: who weighs
            windows multiplies by it.
        boxes: (T, 4) float32 x1, y1, x2, y2 in pixels of the file; None when the whole picture is the face.
    """

    track: int
    start: float
    video: Tensor
    shown: Tensor
    boxes: np.ndarray | None = None

    @property
    def first(self) -> int:
        """Frame of the file that it starts with."""
        return clock.frames(self.start)

    @property
    def end(self) -> int:
        """Index after the last window, on the clock of the file."""
        return self.first + len(self.video)

    def since(self, frame: int) -> Seen:
        """Its windows from a frame of the file on, without boxes."""
        rows = slice(max(0, frame - self.first), None)
        return Seen(self.track, max(self.start, clock.seconds(frame)), self.video[rows], self.shown[rows])


@torch.inference_mode()
def embed_piece(piece: Piece, net: SyncNet) -> Seen:
    """A piece of at least a window as the network sees it."""
    device = next(net.parameters()).device
    video = net.embed_video(torch.from_numpy(piece.frames)[None].to(device))[0].cpu()
    shown = torch.from_numpy(piece.weight).float().unfold(0, clock.WINDOW_FRAMES, 1).mean(dim=1)
    return Seen(piece.track, piece.start, video, shown, piece.boxes)


def embed_pieces(
    path: str | Path,
    net: SyncNet,
    crop: str = "face",
    progress: Progress | None = None,
    *,
    shots: bool = False,
    dtype: torch.dtype = torch.float16,
) -> Iterator[Seen]:
    """Every face of a file, in pieces of at most 20 s in the order of their ends; no window is lost between two.

    Args:
        path: A video.
        net: Two-tower network in evaluation mode.
        crop: As for :func:`avsync.alignment.pieces.pieces`.
        progress: The same.
        shots: The same.
        dtype: What embeddings are kept as.

    Raises:
        MediaError: The picture cannot be read.
    """
    tails: dict[int, Piece] = {}
    for piece in pieces(path, net, crop, progress, shots=shots):
        whole = piece.after(tails.pop(piece.track, None))
        if len(piece.frames) == clock.frames(PIECE_SECONDS):  # a shorter one is the last of its face
            tails[piece.track] = whole.tail()
        if len(whole.frames) >= clock.WINDOW_FRAMES:
            seen = embed_piece(whole, net)
            yield replace(seen, video=seen.video.to(dtype))


def embed_faces(
    path: str | Path,
    net: SyncNet,
    *,
    crop: str = "face",
    dtype: torch.dtype = torch.float16,
    progress: Progress | None = None,
) -> list[Seen]:
    """Every face of a file, each as a whole, in order of their starts; arguments as for :func:`embed_pieces`.

    Raises:
        MediaError: The picture cannot be read.
        NoFaceError: No face was followed for as long as a window.
    """
    found: dict[int, list[Seen]] = {}
    for piece in embed_pieces(path, net, crop, progress, dtype=dtype):
        found.setdefault(piece.track, []).append(piece)
    if not found:
        raise no_face(path)
    return sorted(map(joined, found.values()), key=lambda face: (face.start, face.track))


def joined(parts: Sequence[Seen]) -> Seen:
    """Stretches of one face that follow each other as one."""
    boxes = [part.boxes for part in parts if part.boxes is not None]
    video, shown = (torch.cat(some) for some in zip(*((part.video, part.shown) for part in parts), strict=True))
    return replace(parts[0], video=video, shown=shown, boxes=np.concatenate(boxes) if boxes else None)


def moved(faces: Iterable[Seen], source: str | Path, copy: str | Path) -> Iterator[Seen]:
    """Faces of ``source`` on the clock of a copy of it whose sound, and so whose clock, begins at another time."""
    before, after = probe(source).video, probe(copy).video
    by = after.start - before.start if before and after else 0.0
    return (replace(face, start=face.start + by) for face in faces)


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
