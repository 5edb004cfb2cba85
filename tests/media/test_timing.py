"""What is written early is read early, in every container and codec people bring."""

import av
import numpy as np
import pytest
from flash_click import draw, find, lag

from avsync.media.probe import probe
from avsync.media.read import read_audio, read_frames
from avsync.media.write import shift_audio, write_video

HALF_FRAME = 0.020

FORMATS = [
    (".mp4", "libx264", "aac"),
    (".mp4", "libx264", "libopus"),
    (".mp4", "libx264", "libmp3lame"),
    (".mp4", "mpeg4", "flac"),
    (".mkv", "libx264", "aac"),
    (".mkv", "libx264", "flac"),
    (".mkv", "libvpx-vp9", "libmp3lame"),
    (".mov", "libx264", "pcm_s16le"),
    (".mov", "mpeg4", "aac"),
    (".webm", "libvpx-vp9", "libopus"),
    (".avi", "mpeg4", "pcm_s16le"),
    (".ts", "libx264", "aac"),
]


@pytest.mark.parametrize("offset", [-0.5, 0.0, 0.12, 0.5])
@pytest.mark.parametrize(("suffix", "picture", "sound"), FORMATS)
def test_an_offset_is_read_as_it_was_written(tmp_path, suffix, picture, sound, offset):
    path = tmp_path / f"clip{suffix}"
    draw(path, audio_offset=offset, video_codec=picture, audio_codec=sound)
    assert lag(path) == pytest.approx(offset, abs=HALF_FRAME)


@pytest.mark.parametrize("fps", [24, 30000 / 1001, 30, 50, 12.5])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_every_frame_rate_keeps_its_times(tmp_path, fps, suffix):
    path = tmp_path / f"clip{suffix}"
    at = draw(path, fps=fps, rate=48_000)
    flash, click = find(path)
    assert flash == pytest.approx(at, abs=0.011)
    assert click == pytest.approx(at, abs=0.003)
    assert len(list(read_frames(path))) == pytest.approx(50, abs=1)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_every_sample_rate_keeps_its_times(tmp_path, rate):
    path = tmp_path / "clip.mkv"
    at = draw(path, rate=rate, seconds=6.0)
    sound = read_audio(path)
    assert len(sound) == pytest.approx(6 * 16_000, abs=2)
    assert int(np.argmax(np.abs(sound) > 0.2)) / 16_000 == pytest.approx(at, abs=0.001)


@pytest.mark.parametrize("by", [-0.5, -0.04, 0.12, 0.7])
@pytest.mark.parametrize(
    ("suffix", "sound"), [(".mp4", "aac"), (".mkv", "aac"), (".mov", "pcm_s16le"), (".webm", "libopus")]
)
def test_a_shift_moves_the_sound_and_its_opposite_moves_it_back(tmp_path, suffix, sound, by):
    source, there, back = (tmp_path / f"{name}{suffix}" for name in ("source", "there", "back"))
    draw(source, audio_codec=sound)
    before = lag(source)
    shift_audio(source, there, by)
    shift_audio(there, back, -by)
    assert lag(there) - before == pytest.approx(by, abs=0.011)
    assert lag(back) - before == pytest.approx(0, abs=0.011)
    assert _packets(source) == _packets(there) == _packets(back)
    assert len(list(read_frames(back))) == pytest.approx(50, abs=1)


def test_a_shift_moves_avi_by_less_than_its_ticks(tmp_path):
    source, target = tmp_path / "source.avi", tmp_path / "target.mp4"
    draw(source, audio_codec="aac", video_codec="mpeg4", rate=48_000)
    before = lag(source)
    shift_audio(source, target, 0.05)
    assert lag(target) - before == pytest.approx(0.05, abs=0.011)


def test_a_late_start_is_silence_or_missing_pictures(tmp_path):
    sound_late, picture_late = tmp_path / "sound.mkv", tmp_path / "picture.mkv"
    draw(sound_late, audio_offset=0.4)
    draw(picture_late, audio_offset=-0.4)
    assert probe(sound_late).audio.start == pytest.approx(0.4, abs=0.002)
    assert not read_audio(sound_late)[: round(0.4 * 16_000) - 40].any()
    assert probe(picture_late).video.start == pytest.approx(0.4, abs=0.002)
    indices = [k for k, _ in read_frames(picture_late)]
    assert indices == list(range(10, 60))


def test_frames_stream_and_stop_when_nobody_asks_for_more(tmp_path):
    path = tmp_path / "clip.mp4"
    draw(path)
    frames = read_frames(path)
    k, picture = next(frames)
    assert (k, picture.shape, picture.dtype) == (0, (64, 64, 3), np.uint8)
    frames.close()


def _packets(path):
    """The coded bytes of every stream, by kind."""
    with av.open(str(path)) as container:
        coded = {stream.type: [] for stream in container.streams}
        for packet in container.demux():
            if packet.size:
                coded[packet.stream.type].append(bytes(packet))
    return coded


@pytest.mark.parametrize("delay", [-0.013, 0.013, 0.1])
def test_the_first_picture_lies_on_a_whole_frame(tmp_path, delay):
    """Otherwise taking frames at 25 fps would move them by up to 20 ms against the sound."""
    path = tmp_path / "odd.mkv"
    frames = np.zeros((10, 16, 16, 3), np.uint8)
    write_video(path, frames, np.ones(6400, np.float32) / 2, audio_offset=delay)
    info = probe(path)
    assert info.video.start * 25 == pytest.approx(round(info.video.start * 25), abs=1e-3)
    assert info.audio.start - info.video.start == pytest.approx(delay, abs=2e-3)
    assert min(info.audio.start, info.video.start) < 0.04
