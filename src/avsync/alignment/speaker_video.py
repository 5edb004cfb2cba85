"""A file's picture with a box around every face, its chance to be the one who speaks, and the file's sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from avsync import clock
from avsync.alignment.speakers import Face, Speakers, Turn
from avsync.errors import MediaError
from avsync.media.probe import probe
from avsync.media.read import read_frames
from avsync.media.sound import Sound
from avsync.media.write import write_video

SPEAKS, SILENT, NOBODY = (30, 170, 60), (120, 120, 120), (190, 60, 30)
"""Colours of the face that speaks, of the others, and of the words for a voice that is none of theirs."""

SAMPLE_RATE = 48_000


def draw_speakers(found: Speakers, out: str | Path, progress: Callable[[float], None] | None = None) -> None:
    """Write the video, at 25 pictures a second, whole or not at all; memory does not grow with its length.

    Args:
        found: What :func:`avsync.alignment.speakers.speakers` gave; its file is read again.
        out: The file to write; its suffix chooses the container.
        progress: Called with the share that is done, 0...1.

    Raises:
        MediaError: The file cannot be read any more, or ``out`` cannot be written or is the file itself.
    """
    if Path(out).exists() and Path(out).samefile(found.file):
        raise MediaError(f"{out} is the file that was measured; give another name for the video")
    pictures = _drawn(found, progress)
    first, picture = next(pictures)
    late = clock.seconds(first)
    frames = (shown for _, shown in chain([(first, picture)], pictures))
    write_video(out, frames, _sound(found.file), sample_rate=SAMPLE_RATE, audio_offset=-late)


def _drawn(found: Speakers, progress: Callable[[float], None] | None) -> Iterator[tuple[int, np.ndarray]]:
    from avsync.faces.boxes import draw_box, draw_text  # OpenCV comes with mediapipe, which takes seconds to import

    duration = probe(found.file).duration
    for k, picture in read_frames(found.file):
        turn = _turn_at(found.turns, clock.seconds(k + 0.5))
        shown = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2].copy()
        for face, row in _faces_at(found.faces, k):
            speaks = turn is not None and turn.face == face.id
            text = f"{face.id}: {face.chance[row]:.2f}"
            draw_box(shown, face.boxes[row], text, SPEAKS if speaks else SILENT)
        if turn is not None and turn.face is None:
            draw_text(shown, (4, shown.shape[0] - 4), "voice of nobody here", NOBODY)
        if progress is not None and duration:
            progress(min(1.0, clock.seconds(k + 1) / duration))
        yield k, shown


def _turn_at(turns: list[Turn], time: float) -> Turn | None:
    return next((turn for turn in turns if turn.start <= time < turn.end), None)


def _faces_at(faces: list[Face], k: int) -> Iterator[tuple[Face, int]]:
    for face in faces:
        row = k - clock.frames(face.start)
        if 0 <= row < len(face.boxes):
            yield face, row


def _sound(path: str) -> Iterator[np.ndarray]:
    """The sound from the start of the file's clock, a second at a time."""
    sound, first = Sound(path, SAMPLE_RATE), 0
    while len(block := sound.cut(first, first + SAMPLE_RATE)):
        yield block
        first += SAMPLE_RATE
        sound.forget(first)
