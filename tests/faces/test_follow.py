"""Drawn heads are found, followed, told apart and set upright."""

import cv2
import numpy as np
import pytest
from cartoon import Head, draw

from avsync.errors import MediaError
from avsync.faces.follow import follow, follow_faces
from avsync.faces.geometry import LANDMARKS
from avsync.media.read import read_frames
from avsync.media.write import write_video

SIZE = 96


def _clips(path, pictures, **how):
    write_video(path, pictures, video_codec="libx264")
    return list(follow_faces(path, **how))


def _frames(clips):
    return {round(clip.start * 25) + i for clip in clips for i in range(len(clip.frames))}


def _moving(k):
    return Head(90 + 1.2 * k, 120 + 12 * np.sin(k / 9), 90, lips=0.5 + 0.5 * np.sin(k * 1.3))


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    path = tmp_path_factory.mktemp("faces") / "moving.mp4"
    write_video(path, (draw([_moving(k)]) for k in range(100)))
    return path


def test_a_moving_face_is_one_track(moving):
    clips = list(follow_faces(moving))
    assert len({clip.track for clip in clips}) == 1
    assert len(_frames(clips)) > 95
    clip = clips[0]
    count = len(clip.frames)
    assert clip.frames.shape == (count, SIZE, SIZE, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.boxes.shape == (count, 4)
    assert clip.landmarks.shape == (count, len(LANDMARKS), 2)
    assert clip.score.shape == (count,)
    for k in (10, 50, 90):
        middle = (clip.boxes[k, :2] + clip.boxes[k, 2:]) / 2
        head = _moving(k)
        assert np.abs(middle - (head.x, head.y + 6)).max() < 15


def test_pieces_are_the_whole_cut_up(moving):
    whole = list(follow_faces(moving))
    pieces = list(follow_faces(moving, max_seconds=0.92))
    assert [len(piece.frames) for piece in pieces[:-1]] == [23] * (len(pieces) - 1)
    assert {piece.track for piece in pieces} == {whole[0].track}
    expected = whole[0].start
    for piece in pieces:
        assert piece.start == pytest.approx(expected, abs=1e-9)
        expected += len(piece.frames) / 25
    assert np.array_equal(np.concatenate([piece.frames for piece in pieces]), whole[0].frames)
    assert np.array_equal(np.concatenate([piece.landmarks for piece in pieces]), whole[0].landmarks)


@pytest.mark.parametrize("every", [1, 3])
def test_threads_change_nothing(moving, every):
    (alone,) = follow(read_frames(moving), size=SIZE, min_seconds=0.4, max_seconds=30, every=every)
    (beside,) = follow_faces(moving, every=every)
    assert np.array_equal(alone.frames, beside.frames) and np.array_equal(alone.landmarks, beside.landmarks)


def test_looking_at_every_third_frame_gives_the_same_crops(moving):
    (whole,), (third,) = follow_faces(moving), follow_faces(moving, every=3)
    assert _frames([third]) == _frames([whole])
    assert np.abs(third.boxes - whole.boxes).max() < 6
    change = np.abs(third.frames.astype(int) - whole.frames).mean()
    assert change < 0.5 * np.abs(np.diff(whole.frames.astype(int), axis=0)).mean()


def test_progress_rises_to_one(moving):
    shares = []
    list(follow_faces(moving, progress=shares.append))
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0, abs=0.02)


def _eyes(crop):
    """Centre and slope of the two drawn eyes in a crop: by their whites."""
    white = (crop.min(axis=2) > 170).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(white[: SIZE // 2])
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:8] + 1
    points = centres[order]
    left, right = (points[points[:, 0] < SIZE / 2].mean(0), points[points[:, 0] >= SIZE / 2].mean(0))
    return (left + right) / 2 / SIZE, np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0]))


@pytest.mark.parametrize(("roll", "size"), [(0, 60), (0, 160), (20, 90), (-25, 90)])
def test_eyes_lie_where_the_crop_wants_them_and_level(tmp_path, roll, size):
    head = Head(160, 120, size, roll)
    clips = _clips(tmp_path / "clip.mp4", [draw([head], background=3)] * 12)
    assert len(clips) == 1
    middle, slope = _eyes(clips[0].frames[6])
    assert middle == pytest.approx([0.5, 0.27], abs=0.05)
    assert abs(slope) < 4


def test_a_cut_ends_a_track(tmp_path):
    first = [draw([Head(120, 120)], background=1)] * 25
    second = [draw([Head(200, 130, 110, skin=(140, 95, 70))], background=2)] * 25
    clips = _clips(tmp_path / "cut.mp4", first + second)
    assert [round(clip.start, 2) for clip in clips] == [0.0, 1.0]
    assert [len(clip.frames) for clip in clips] == [25, 25]
    assert clips[0].track != clips[1].track


def test_a_cut_in_front_of_the_same_face_ends_the_track_too(tmp_path):
    pictures = [draw([Head(160, 120)], background=1 + k // 20) for k in range(40)]
    assert [round(clip.start, 2) for clip in _clips(tmp_path / "cut.mp4", pictures)] == [0.0, 0.8]


def test_two_faces_are_two_tracks(tmp_path):
    heads = [[Head(110 + k, 120, 80), Head(330 - k, 130, 90, skin=(150, 105, 80))] for k in range(40)]
    clips = _clips(tmp_path / "two.mp4", [draw(pair, 440, 240) for pair in heads])
    assert len({clip.track for clip in clips}) == 2
    for clip in clips:
        assert len(clip.frames) > 38
        x = (clip.boxes[:, 0] + clip.boxes[:, 2]) / 2
        assert np.abs(np.diff(x)).max() < 6


def test_a_short_absence_is_bridged_and_a_long_one_is_not(tmp_path):
    def picture(k, gap):
        return draw([] if 30 <= k < 30 + gap else [Head(160, 120)])

    short = _clips(tmp_path / "short.mp4", [picture(k, 4) for k in range(70)])
    assert len(short) == 1
    assert len(short[0].frames) == 70
    long = _clips(tmp_path / "long.mp4", [picture(k, 20) for k in range(80)])
    assert len(long) == 2
    assert len(long[0].frames) == 30
    assert long[1].start >= 50 / 25


def test_no_face_is_no_clip(tmp_path):
    assert _clips(tmp_path / "empty.mp4", [draw([])] * 20) == []


def test_short_tracks_are_dropped(tmp_path):
    pictures = [draw([Head(160, 120)])] * 12
    assert len(_clips(tmp_path / "clip.mp4", pictures, min_seconds=0.4)) == 1
    assert _clips(tmp_path / "clip.mp4", pictures, min_seconds=1.0) == []


def test_a_late_picture_starts_late(tmp_path):
    path = tmp_path / "late.mp4"
    write_video(path, [draw([Head(160, 120)])] * 20, np.zeros(16_000, np.float32), audio_offset=-0.4)
    (clip,) = follow_faces(path)
    assert clip.start == pytest.approx(0.4)


def test_the_crop_rests_while_the_lips_move(tmp_path):
    opening = 0.5 + 0.5 * np.sin(1.3 * np.arange(50))
    (clip,) = _clips(tmp_path / "clip.mp4", [draw([Head(160, 120, lips=lips)]) for lips in opening])
    change = np.abs(np.diff(clip.frames.astype(int), axis=0)).mean(axis=(0, 3))
    assert change[5:45].mean() < 0.05 * change[55:75, 30:66].mean()
    upper, lower = (LANDMARKS.index(name) for name in ("upper_inner_lip", "lower_inner_lip"))
    gap = clip.landmarks[:, lower, 1] - clip.landmarks[:, upper, 1]
    assert np.corrcoef(gap, opening)[0, 1] > 0.9


def test_a_file_without_picture_is_refused(tmp_path):
    path = tmp_path / "talk.mp4"
    path.write_text("<html>")
    with pytest.raises(MediaError):
        list(follow_faces(path))


def test_the_screen_stays_clean(moving, capfd):
    list(follow_faces(moving, max_seconds=1))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
