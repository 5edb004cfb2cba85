"""Files that are whole or absent, and bytes that are always the same."""

import io

import av
import numpy as np
import pytest

from avsync.errors import MediaError
from avsync.media.remux import shift_audio
from avsync.media.write import decode_flac, encode_flac, encode_video, write_video


def _frames(count=60, side=32):
    rows, columns = np.mgrid[:side, :side]
    return np.stack(
        [np.stack([(rows * 4 + 3 * k) % 256, columns * 4, rows + columns], -1) for k in range(count)]
    ).astype(np.uint8)


def test_encoded_video_has_its_frames_one_key_frame_and_no_sound():
    frames = _frames(300)
    frames[100:] = 255 - frames[100:]  # a cut
    with av.open(io.BytesIO(encode_video(frames))) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate, stream.codec_context.has_b_frames) == ("h264", 25, 0)
        decoded = list(container.decode(stream))
    assert [round(frame.time * 25) for frame in decoded] == list(range(300))
    assert [i for i, frame in enumerate(decoded) if frame.key_frame] == [0]


def test_quality_follows_crf():
    frames = _frames(20, 64)

    def error(crf):
        with av.open(io.BytesIO(encode_video(frames, crf=crf))) as container:
            decoded = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
        return np.abs(decoded.astype(int) - frames).mean()

    assert error(10) < error(40)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000).astype(np.float32)
    assert encode_video(_frames()) == encode_video(_frames())
    assert encode_flac(sound) == encode_flac(sound)
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, _frames(25), sound)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("count", [1, 17, 3200, 50_001])
def test_flac_keeps_every_sample(count):
    sound = np.random.default_rng(count).uniform(-1, 1, count).astype(np.float32)
    sound[0] = 1.0
    back = decode_flac(encode_flac(sound))
    assert back.shape == sound.shape
    assert back.dtype == np.float32
    assert np.abs(back - sound).max() <= 1 / 32768
    assert np.array_equal(decode_flac(encode_flac(back)), back)


def test_bytes_that_are_no_flac_are_refused():
    with pytest.raises(MediaError, match="flac"):
        decode_flac(b"not flac at all" * 40)
    whole = encode_flac(np.random.default_rng(0).uniform(-1, 1, 32_000).astype(np.float32))
    with pytest.raises(MediaError, match="flac"):
        decode_flac(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    "frames", [[], [np.zeros((33, 32, 3), np.uint8)], [np.zeros((32, 32), np.uint8)]], ids=["none", "odd", "grey"]
)
def test_frames_that_cannot_be_encoded_are_refused(tmp_path, frames):
    with pytest.raises(MediaError):
        write_video(tmp_path / "clip.mp4", frames)
    assert not list(tmp_path.iterdir())


def test_a_writer_that_fails_leaves_what_was_there(tmp_path):
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"before")

    def broken():
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("the camera fell over")

    with pytest.raises(RuntimeError):
        write_video(target, broken())
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["clip.unknown", "missing/clip.mp4"])
def test_a_target_that_cannot_be_is_refused(tmp_path, name):
    with pytest.raises(MediaError):
        write_video(tmp_path / name, _frames(2))
    assert not list(tmp_path.iterdir())


def test_a_shift_refuses_what_it_cannot_do(tmp_path):
    sound = np.zeros(16_000, np.float32)
    full, silent = tmp_path / "full.mp4", tmp_path / "silent.mp4"
    write_video(full, _frames(25), sound)
    write_video(silent, _frames(25))
    with pytest.raises(MediaError, match="no sound"):
        shift_audio(silent, tmp_path / "out.mp4", 0.1)
    with pytest.raises(MediaError, match=".avi"):
        shift_audio(full, tmp_path / "out.avi", 0.1)
    with pytest.raises(MediaError, match="cannot hold"):
        shift_audio(full, tmp_path / "out.webm", 0.1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full.mp4", "silent.mp4"]


def test_a_shift_in_place_replaces_the_file_whole(tmp_path):
    path = tmp_path / "clip.mp4"
    write_video(path, _frames(25), np.zeros(16_000, np.float32))
    shift_audio(path, path, 0.2)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].start_time * container.streams.audio[0].time_base > 0.05
