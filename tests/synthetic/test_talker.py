"""The drawn videos: in sync, found by mediapipe, and never the same in two splits."""

import json

import numpy as np
import pytest

from avsync.faces.detect import FaceDetector, FaceMesh
from avsync.faces.vision import cv2
from avsync.media.probe import probe
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.synthetic.face import Face
from avsync.synthetic.identity import draw_identity
from avsync.synthetic.mouth import mouth_shape
from avsync.synthetic.portrait import MIDDLE, Light
from avsync.synthetic.talker import draw_talker, make_talker
from avsync.synthetic.texts import SPLITS, phrases, split_of, voices
from avsync.synthetic.visemes import JAW, OPEN, POSE
from avsync.synthetic.voice import loudness, record

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("talker") / "talker.mkv"
    return path, draw_talker(path, seed=5, split="train", seconds=4.0)


def test_the_file_is_an_ordinary_video_with_sound(video):
    path, truth = video
    info = probe(path)
    assert info.video.codec == "h264" and info.audio.codec == "flac"
    assert info.duration == pytest.approx(4.0, abs=0.08)
    assert sum(1 for _ in read_frames(path)) == 100
    assert json.loads(json.dumps(truth)) == truth
    assert truth["phonemes"][-1][2] == pytest.approx(4.0, abs=1e-3)


def test_the_sound_is_at_its_place_to_2_ms(video):
    heard = read_audio(video[0])
    sound = make_talker(seed=5, split="train", seconds=4.0).sound
    length = min(len(heard), len(sound))
    spectrum = np.fft.rfft(heard[:length], 2**18) * np.conj(np.fft.rfft(sound[:length], 2**18))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    assert min(lag, 2**18 - lag) <= 32


def test_recording_does_not_move_the_voice():
    click = np.zeros(8000, np.float32)
    click[4000] = 1
    for seed in range(8):
        assert abs(int(np.abs(record(click, np.random.default_rng(seed))[0]).argmax()) - 4000) <= 8


def test_the_mouth_opens_with_the_sound_at_lag_0():
    total = np.zeros(11)
    for seed in range(6):
        talker = make_talker(seed=seed, split="val", seconds=8.0)
        opening = talker.poses[:, OPEN] - talker.poses[:, OPEN].mean()
        loud = loudness(talker.talk.clean, talker.times)
        loud -= loud.mean()
        total += [np.sum(opening[5:-5] * np.roll(loud, lag)[5:-5]) for lag in range(-5, 6)]
    assert abs(int(total.argmax()) - 5) <= 1


def test_pixels_of_the_mouth_darken_as_it_opens():
    who = draw_identity("x", np.random.default_rng(1))
    face = Face(who, Light(), (90, 90, 90))
    rows = slice(round(who.mouth_y) + 5, round(who.mouth_y) + 10)
    seen = []
    for opening in (0.0, 0.9):
        pose = np.zeros(len(POSE), np.float32)
        pose[[OPEN, JAW]] = opening
        seen.append(face.portrait(pose)[rows, int(MIDDLE) - 4 : int(MIDDLE) + 4, :3].mean())
    assert seen[1] < 0.7 * seen[0]


def test_mediapipe_finds_the_face_and_follows_the_lips():
    detector, mesh = FaceDetector(), FaceMesh()
    found, frames, together = 0, 0, []
    for seed in (1, 6, 8):
        talker = make_talker(seed=seed, split="test", seconds=2.4)
        drawn, measured = [], []
        mesh.forget()
        for pose, picture in zip(talker.poses, _frames(talker), strict=True):
            frames += 1
            found += bool(detector.find(picture)) if frames % 6 == 0 else 0
            points = mesh.find(cv2.resize(picture, (256, 256)))
            if points is not None:
                drawn.append(mouth_shape(talker.who, pose).opening)
                measured.append(np.linalg.norm(points[13] - points[14]))
        assert len(drawn) >= 0.95 * len(talker.times)
        together.append(np.corrcoef(drawn, measured)[0, 1])
    detector.close()
    mesh.close()
    assert found >= 0.95 * (frames // 6)
    assert np.mean(together) > 0.8


def _frames(talker):
    from avsync.synthetic.talker import frames

    return frames(talker)


def test_splits_share_no_sentence_no_voice_and_no_face():
    said, faces = {}, {}
    for split in SPLITS:
        draw = np.random.default_rng(0)
        said[split] = {one.text for language in ("en-us", "de", "fr") for one in phrases(language, split, draw, 60)}
        assert all(split_of(text) == split for text in said[split])
        faces[split] = {make_talker(seed=seed, split=split, seconds=0.4).who.texture_seed for seed in range(4)}
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not said[one] & said[other]
        assert not faces[one] & faces[other]
        assert not set(voices("en", one)) & set(voices("en", other))
