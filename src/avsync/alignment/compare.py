"""A piece of one face beside the sound around it: distances, and how much each window has to say."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.distances import distance_matrix
from avsync.alignment.embedded import Seen, embed_piece
from avsync.alignment.pieces import PIECE_SECONDS, Piece
from avsync.data.speech import speech_near, speech_share
from avsync.media.sound import Sound
from avsync.models.syncnet import SyncNet


@dataclass(frozen=True)
class Compared:
    """A piece after the comparison.

    Attributes:
        start: Seconds on the file's clock.
        end: The same.
        distances: (N, 2 search + 1).
        weight: (N,) how much speech is within each window's search range and how much of speaking it shows, 0...1.
    """

    start: float
    end: float
    distances: Tensor
    weight: Tensor


def around(piece: Piece, sound: Sound, search: int) -> tuple[np.ndarray, int]:
    """The sound of a piece as far around it as the search reaches, and the frame that it starts with."""
    first, last = clock.frames(piece.start), clock.frames(piece.start) + len(piece.frames)
    begin = max(0, first - search)
    heard = sound.cut(begin * clock.SAMPLES_PER_FRAME, (last + search) * clock.SAMPLES_PER_FRAME)
    # pieces come in the order of their ends, none longer than this
    sound.forget((last - clock.frames(PIECE_SECONDS) - search) * clock.SAMPLES_PER_FRAME)
    return heard, begin


def compare(piece: Piece, heard: np.ndarray, begin: int, net: SyncNet, search: int) -> Compared:
    """Embed a piece and the sound around it, which starts with frame ``begin``."""
    return compare_embedded(embed_piece(piece, net), heard, begin, net, search)


@torch.inference_mode()
def compare_embedded(seen: Seen, heard: np.ndarray, begin: int, net: SyncNet, search: int) -> Compared:
    """Compare windows of picture that are embedded already with the sound around them.

    Args:
        seen: The windows.
        heard: (S,) samples at 16 kHz.
        begin: Frame that ``heard`` starts with.
        net: As for :func:`avsync.alignment.measure.measure`.
        search: The same.
    """
    device = next(net.parameters()).device
    length = math.ceil(len(heard) / clock.SAMPLES_PER_FRAME)
    waveform = torch.zeros(max(length, clock.WINDOW_FRAMES) * clock.SAMPLES_PER_FRAME)
    waveform[: len(heard)] = torch.from_numpy(heard)
    voice = net.embed_audio(waveform[None].to(device))[0].cpu()
    first = seen.first - begin
    distances = distance_matrix(net.centred(seen.video.float(), seen.shown), net.centred(voice), search, start=first)
    near = speech_near(speech_share(waveform), search)
    index = (torch.arange(len(seen.video)) + first).clamp(0, len(near) - 1)
    end = seen.start + clock.seconds(len(seen.video) + clock.WINDOW_FRAMES - 1)
    return Compared(seen.start, end, distances, near[index] * seen.shown)
