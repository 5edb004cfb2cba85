"""The video that shows who speaks: its colours, and its sound where it was."""

import numpy as np
import pytest

from avsync.alignment.speaker_video import NOBODY, SILENT, SPEAKS, draw_speakers
from avsync.alignment.speakers import Face, Speakers, Turn
from avsync.errors import MediaError
from avsync.media.read import read_frames
from avsync.media.remux import shift_audio
from avsync.media.sound import read_audio
from avsync.synthetic.fixtures import flash_and_click

BOXES = ((20.0, 40.0, 60.0, 90.0), (80.0, 40.0, 115.0, 90.0))


def found(path, frames: int = 100) -> Speakers:
    """Two faces; the first speaks for two seconds, then nobody does."""
    faces = [
        Face(k, 0.0, np.repeat(np.array([box], np.float32), frames, axis=0), np.full(frames, 0.5, np.float32))
        for k, box in enumerate(BOXES)
    ]
    return Speakers(str(path), 0.0, 1.0, faces, [Turn(0.0, 2.0, 0, 0.9), Turn(2.0, 4.0, None, 0.9)])


def at(picture: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    """The colour in the middle of a box's lower edge."""
    return picture[round(box[3]), round((box[0] + box[2]) / 2)].astype(float)


def times(path) -> tuple[list[float], list[float]]:
    """Flashes and clicks, s on the file's clock."""
    bright = [k / 25 for k, picture in read_frames(path) if np.median(picture) > 128]
    loud = np.flatnonzero(np.abs(read_audio(path)) > 0.3) / 16_000
    return bright, [time for k, time in enumerate(loud) if k == 0 or time - loud[k - 1] > 0.1]


def test_boxes_have_the_colours_of_who_speaks(tmp_path):
    flash_and_click(tmp_path / "in.mp4")
    shares = []
    draw_speakers(found(tmp_path / "in.mp4"), tmp_path / "out.mp4", shares.append)
    pictures = dict(read_frames(tmp_path / "out.mp4"))
    assert len(pictures) == 100 and shares == sorted(shares) and shares[-1] == pytest.approx(1, abs=0.02)
    for k, colours in ((10, (SPEAKS, SILENT)), (60, (SILENT, SILENT))):
        for box, colour in zip(BOXES, colours, strict=True):
            assert np.abs(at(pictures[k], box) - colour).max() < 60
    ground = np.abs(pictures[60][110:, 4:40].astype(float) - NOBODY).max(axis=2)
    assert (
        (ground < 60).mean() > 0.2 > (np.abs(pictures[10][110:, 4:40].astype(float) - NOBODY).max(axis=2) < 60).mean()
    )


@pytest.mark.parametrize("late", [-0.35, 0.0, 0.213])
def test_the_sound_is_where_it_was(tmp_path, late):
    flash_and_click(tmp_path / "in.mp4")
    shift_audio(tmp_path / "in.mp4", tmp_path / "late.mp4", late)
    draw_speakers(found(tmp_path / "late.mp4"), tmp_path / "out.mp4")
    flashes, clicks = times(tmp_path / "out.mp4")
    assert len(flashes) == len(clicks) == 7
    assert np.median(np.subtract(clicks, flashes)) == pytest.approx(late, abs=0.025)


def test_the_file_itself_is_not_written_over(tmp_path):
    flash_and_click(tmp_path / "in.mp4", seconds=1.0)
    before = (tmp_path / "in.mp4").read_bytes()
    with pytest.raises(MediaError, match="another name"):
        draw_speakers(found(tmp_path / "in.mp4", 25), tmp_path / "in.mp4")
    assert (tmp_path / "in.mp4").read_bytes() == before
