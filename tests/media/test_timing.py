"""What is written early is read early, in every container and codec people bring."""

from itertools import product

import av
import numpy as np
import pytest
from flash_click import draw, draw_as_cameras_do, find, lag

from avsync.errors import MediaError
from avsync.media.damage import Account
from avsync.media.probe import probe
from avsync.media.read import read_frames
from avsync.media.remux import shift_audio
from avsync.media.sound import read_audio
from avsync.media.write import write_video

HALF_FRAME = 0.020

PICTURES = ["libx264", "libx265", "libvpx-vp9", "mpeg4", "mpeg1video", "mpeg2video"]
SOUNDS = {  # every encoder with the sample rates that it takes everywhere, 8 to 96 kHz
    "aac": [8000, 22_050, 44_100, 48_000, 96_000],
    "libopus": [8000, 16_000, 48_000],
    "libmp3lame": [16_000, 22_050, 44_100, 48_000],
    "mp2": [16_000, 32_000, 44_100, 48_000],
    "flac": [8000, 44_100, 96_000],
    "pcm_s16le": [8000, 16_000, 48_000, 96_000],
}
REFUSED = {  # what a container cannot hold, or FFmpeg will not put there
    ".mp4": set(),
    ".mov": {"libvpx-vp9", "libopus", "flac"},
    ".mkv": set(),
    ".webm": {*PICTURES, *SOUNDS} - {"libvpx-vp9", "libopus"},
    ".avi": {"libx265", "libopus", "flac"},
    ".mpg": {"libvpx-vp9", "aac", "libopus", "flac", "pcm_s16le"},
    ".ts": {"libvpx-vp9", "flac", "pcm_s16le"},
}
RATES = [12.5, 24000 / 1001, 24, 25, 30000 / 1001, 30, 50, 60]
SHIFTS = [-0.5, 0.0, 0.12, 0.5, -0.013]


def _matrix():
    """Every container with every pair of codecs; frame rates, sample rates and shifts take turns."""
    pairs = list(product(PICTURES, SOUNDS))
    for suffix, refused in REFUSED.items():
        held = [(picture, sound) for picture, sound in pairs if not refused & {picture, sound}]
        # 3 and 8 have no common factor, nor 5 and 8: a container meets every frame rate, mostly with every shift
        for i, (picture, sound) in enumerate(held * -(-16 // len(held))):
            fps = RATES[3 * i % 8]
            if picture in ("mpeg1video", "mpeg2video") and fps == 12.5:
                fps = 60000 / 1001  # MPEG-1 and -2 have a list of rates, without the slow ones
            yield suffix, picture, sound, fps, SHIFTS[i % 5], SOUNDS[sound][i % len(SOUNDS[sound])]


@pytest.mark.parametrize(("suffix", "picture", "sound", "fps", "offset", "rate"), list(_matrix()))
def test_flash_and_click_agree_in_every_format(tmp_path, suffix, picture, sound, fps, offset, rate):
    path, account = tmp_path / f"clip{suffix}", Account()
    draw(path, fps=fps, rate=rate, audio_offset=offset, video_codec=picture, audio_codec=sound)
    assert lag(path, account) == pytest.approx(offset, abs=HALF_FRAME)
    assert account.problem() is None


@pytest.mark.parametrize("suffix", REFUSED)
def test_what_is_left_out_of_the_matrix_is_refused_by_the_container(tmp_path, suffix):
    """Or comes back as no stream at all: a transport stream takes anything as private data."""
    path = tmp_path / f"clip{suffix}"
    for codec in REFUSED[suffix] - ({"flac"} if suffix == ".avi" else set()):  # that depends on the length
        picture, sound = (codec, "mp2") if codec in PICTURES else ("mpeg2video", codec)
        with pytest.raises(MediaError):
            draw(path, rate=48_000, video_codec=picture, audio_codec=sound)
            lag(path)


CAMERAS = {
    "B-frames, open groups": ("libx264", {"options": {"x264-params": "bframes=3:open-gop=1:keyint=10:min-keyint=5"}}),
    "H.265, open groups": ("libx265", {"options": {"x265-params": "log-level=none:open-gop=1:keyint=10:min-keyint=5"}}),
    "no key frames": ("libx264", {"options": {"x264-params": "intra-refresh=1:keyint=20"}}),
    "interlaced": ("libx264", {"options": {"flags": "+ildct+ilme", "x264-params": "tff=1"}}),
    "interlaced MPEG-2": ("mpeg2video", {"options": {"bf": "2", "flags": "+ildct+ilme"}}),
    "MPEG-4 with B-frames": ("mpeg4", {"options": {"bf": "2"}}),
    "10 bits": ("libx264", {"pix_fmt": "yuv420p10"}),
    "10 bits H.265": ("libx265", {"pix_fmt": "yuv420p10", "options": {"x265-params": "log-level=none"}}),
    "4:2:2": ("libx264", {"pix_fmt": "yuv422p"}),
    "mono": ("libx264", {"layout": "mono"}),
    "5.1": ("libx264", {"layout": "5.1"}),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".mpg"])
@pytest.mark.parametrize("camera", CAMERAS)
def test_what_cameras_do_to_a_stream_moves_nothing(tmp_path, camera, suffix):
    picture, how = CAMERAS[camera]
    if suffix == ".avi" and picture == "libx265":
        pytest.skip("AVI cannot hold H.265")
    # AVI cannot say how much of the sound is priming: PCM has none
    sound = {".avi": "pcm_s16le", ".mpg": "ac3"}.get(suffix, "aac")
    path, account = tmp_path / f"clip{suffix}", Account()
    draw_as_cameras_do(path, picture, sound, **how)
    assert lag(path, account) == pytest.approx(0, abs=HALF_FRAME)
    assert account.problem() is None
    assert account.streams["video"].count == 50
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.interlaced_frame == ("interlaced" in camera)
        assert frame.format.name.startswith(how.get("pix_fmt", "yuv420p"))
        assert container.streams.audio[0].channels == {"mono": 1, "5.1": 6}.get(camera, 2)


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
    ("suffix", "sound"),
    [(".mp4", "aac"), (".mkv", "aac"), (".mov", "pcm_s16le"), (".webm", "libopus"), (".ts", "aac"), (".mpg", "mp2")],
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
