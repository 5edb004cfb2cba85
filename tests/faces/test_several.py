"""Several faces side by side: a track each, which stays with its person."""

import numpy as np
import pytest
from cartoon import Head, draw

from avsync.faces.follow import follow_faces
from avsync.media.write import write_video

SKINS = ((220, 180, 150), (150, 105, 80), (200, 120, 120))


def heads(count: int, k: int) -> list[Head]:
    """Heads that sway, each of its own colour, all talking."""
    return [
        Head(
            x=110 + 200 * n + 15 * np.sin(k / 8 + n),
            y=120 + 8 * np.sin(k / 6 + 2 * n),
            size=85,
            lips=0.5 + 0.5 * np.sin(k + n),
            skin=SKINS[n],
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [2, 3])
def test_tracks_stay_with_their_persons(tmp_path, count):
    path = tmp_path / "several.mp4"
    write_video(path, (draw(heads(count, k), 200 * count + 20, 240) for k in range(60)))
    clips = sorted(follow_faces(path), key=lambda clip: clip.boxes[0, 0])
    assert len(clips) == len({clip.track for clip in clips}) == count and all(len(clip.frames) > 55 for clip in clips)
    for n, clip in enumerate(clips):
        x = (clip.boxes[:, 0] + clip.boxes[:, 2]) / 2
        first = round(clip.start * 25)
        assert np.abs(x - [heads(count, first + k)[n].x for k in range(len(x))]).max() < 12
        cheek = clip.frames[:, 50:62, 22:34].reshape(len(x), -1, 3).mean(axis=1)  # below the left eye
        assert (np.abs(cheek - cheek.mean(axis=0)) < 25).all() and clip.others.max() == count - 1
