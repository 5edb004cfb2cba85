"""Faces that come in pieces, with a network that sees nothing but how many windows there are."""

import tracemalloc

import numpy as np
import pytest
import torch

from avsync import clock
from avsync.alignment import embedded
from avsync.alignment.embedded import embed_faces, embed_pieces
from avsync.alignment.pieces import PIECE_SECONDS, Piece

LONGEST = clock.frames(PIECE_SECONDS)


class Blind(torch.nn.Linear):
    """The first pixel of each window's first frame is its embedding."""

    def __init__(self):
        super().__init__(1, 1)

    def embed_video(self, frames):
        return frames[:, : frames.shape[1] - clock.WINDOW_FRAMES + 1, 0, 0, :1].float()


def piece(track, first, count, side=2, shown=None):
    frames = np.zeros((count, side, side, 3), np.uint8)
    frames[:, 0, 0, 0] = np.arange(first, first + count) % 251
    return Piece(track, clock.seconds(first), frames, np.zeros((count, 4), np.float32), shown)


@pytest.fixture
def given(monkeypatch):
    """Let a file consist of these pieces."""

    def give(found):
        monkeypatch.setattr(embedded, "pieces", lambda *_, **__: iter(found))

    return give


@pytest.mark.parametrize("rest", [2, 30, 0])
def test_no_window_is_lost_between_two_and_each_says_what_it_shows(given, rest):
    length = 2 * LONGEST + rest
    weight = np.random.default_rng(0).uniform(size=length).astype(np.float32)
    edges = [0, LONGEST, 2 * LONGEST, length]
    parts = [piece(7, a, b - a, shown=weight[a:b]) for a, b in zip(edges, edges[1:], strict=False) if b > a]
    given([parts[0], piece(8, 30, 100), *parts[1:]])
    face, other = embed_faces("talk.mp4", Blind(), dtype=torch.float32)
    assert (face.track, face.start, len(face.boxes)) == (7, 0.0, length)
    assert face.video[:, 0].tolist() == [k % 251 for k in range(length - 4)]
    assert torch.allclose(face.shown, torch.from_numpy(weight).unfold(0, 5, 1).mean(dim=1))
    assert (other.track, other.first, len(other.video)) == (8, 30, 96) and (other.shown == 1).all()
    later = face.since(LONGEST)
    assert later.first == LONGEST and torch.equal(later.shown, face.shown[LONGEST:])


def test_memory_does_not_grow_with_the_number_of_faces(given):
    """Shots of 16 s: three megabytes of pictures each."""
    count, side = 400, 50
    given(piece(track, count * track, count, side) for track in range(20))
    tracemalloc.start()
    for _ in embed_pieces("talk.mp4", Blind()):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * count * side * side * 3
