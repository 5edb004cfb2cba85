"""Files as cameras and damage leave them."""

import logging
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from flash_click import draw

from avsync.errors import MediaError
from avsync.media.damage import Account
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.read import read_frames
from avsync.media.sound import Sound, read_audio
from avsync.media.write import write_video


def _write_sound(path, blocks, rate=16_000, layout="mono", codec="flac"):
    """Sound in Matroska from (time in s, samples (channels, n)) blocks."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        for time, samples in blocks:
            packed = np.ascontiguousarray((samples.T * 32767).astype(np.int16).reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(time * rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_times(path, times, levels):
    """H.264 in Matroska: grey pictures at given times in s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0", "threads": "1"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time, level in zip(times, levels, strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")
            frame.time_base, frame.pts = Fraction(1, 1000), round(time * 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_variable_frame_rate_is_read_by_nearest_time(tmp_path):
    path = tmp_path / "vfr.mkv"
    _write_times(path, [0, 0.03, 0.31, 0.33, 0.6], [0, 50, 100, 150, 200])
    shown = {k: picture.mean() for k, picture in read_frames(path)}
    expected = {0: 0, 1: 50, 4: 50, 5: 100, 8: 100, 9: 150, 11: 150, 12: 200, 15: 200}
    for k, level in expected.items():
        assert shown[k] == pytest.approx(level, abs=12), k


def test_a_single_picture_is_shown_once(tmp_path):
    path = tmp_path / "one.mkv"
    _write_times(path, [0], [128])
    assert [k for k, _ in read_frames(path)] == [0]


def test_a_gap_in_the_sound_is_silence_of_its_length(tmp_path):
    path = tmp_path / "gap.mkv"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)[None]
    _write_sound(path, [(0, tone), (1.5, tone)])
    sound = read_audio(path)
    assert len(sound) == pytest.approx(2.5 * 16_000, abs=40)
    assert np.abs(sound[16_400:23_600]).max() < 1e-3
    assert np.abs(sound[24_100:39_900]).max() == pytest.approx(0.5, abs=0.01)


def test_timestamps_that_jump_by_hours_are_refused(tmp_path):
    sound, picture = tmp_path / "sound.mkv", tmp_path / "picture.mkv"
    tone = np.ones((1, 16_000)) / 2
    _write_sound(sound, [(0, tone), (4000, tone)])
    _write_times(picture, [0, 0.04, 40_000], [0, 50, 100])
    with pytest.raises(MediaError, match="3999 s empty"):
        read_audio(sound)
    with pytest.raises(MediaError, match="39999|40000 s empty"):
        list(read_frames(picture))


def test_jitter_in_the_timestamps_makes_no_clicks(tmp_path):
    path = tmp_path / "jitter.mkv"
    rate, block = 44_100, 1024
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(block * 80) / rate)
    shake = np.random.default_rng(0).uniform(-0.004, 0.004, 80)
    shake[0] = 0
    _write_sound(
        path,
        [(i * block / rate + shake[i], tone[None, i * block : (i + 1) * block]) for i in range(80)],
        rate,
    )
    sound = read_audio(path)
    steepest = 0.5 * 2 * np.pi * 200 / 16_000
    assert np.abs(np.diff(sound)).max() < 1.5 * steepest


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_channels_are_averaged_without_clipping(tmp_path, layout):
    path = tmp_path / "clip.mkv"
    channels = av.AudioLayout(layout).nb_channels
    tone = np.repeat(0.8 * np.sin(2 * np.pi * 300 * np.arange(48_000) / 48_000)[None], channels, axis=0)
    _write_sound(path, [(0, tone)], 48_000, layout)
    assert probe(path).audio.channels == channels
    assert np.abs(read_audio(path)).max() == pytest.approx(0.8, abs=0.02)


def test_more_channels_than_can_be_read_are_refused(tmp_path):
    """Damaged AAC claims 43 of them, for which PyAV reads memory that is not its own."""
    path = tmp_path / "many.mkv"
    _write_sound(path, [(0, np.ones((16, 16_000)) / 2)], layout="hexadecagonal", codec="pcm_s16le")
    with pytest.raises(MediaError, match="neither picture nor sound"):
        read_audio(path)


def test_a_long_recording_does_not_drift(tmp_path):
    path = tmp_path / "long.mkv"
    rate, seconds = 44_100, 120
    sound = np.zeros(rate * seconds, np.float32)
    clicks = np.arange(1, seconds, 7)
    for at in clicks:
        sound[at * rate : at * rate + 50] = 0.9
    _write_sound(path, [(0, sound[None])], rate)
    heard = read_audio(path)
    for at in clicks:
        first = at * 16_000 - 800 + int(np.argmax(heard[at * 16_000 - 800 : at * 16_000 + 800] > 0.3))
        assert first / 16_000 == pytest.approx(at, abs=0.001)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied(tmp_path, turn):
    path = tmp_path / "clip.mp4"
    picture = np.zeros((48, 96, 3), np.uint8)
    picture[:, :24] = 255  # white on the left
    write_video(path, [picture] * 5)
    cosine, sine = {90: (0, -1), 180: (-1, 0), 270: (0, 1)}[turn]
    matrix = [v * 65536 for v in (cosine, sine, 0, -sine, cosine, 0, 0, 0)] + [1 << 30]
    data = path.read_bytes()
    unity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    header = data.index(unity, data.index(b"tkhd"))
    path.write_bytes(data[:header] + struct.pack(">9i", *matrix) + data[header + len(unity) :])
    info = probe(path)
    assert info.video.rotation == turn
    _, shown = next(read_frames(path))
    assert shown.shape[:2] == (info.video.height, info.video.width)
    # counter-clockwise: the left edge goes down, right, up
    edges = {90: shown[-12:], 180: shown[:, -12:], 270: shown[:12]}
    assert edges[turn].mean() > 200 > shown.mean()


def _html(path):
    path.write_text("<!DOCTYPE html><html><head><title>404</title></head>" + "<p>Not found</p>" * 900)


def _empty(path):
    path.write_bytes(b"")


def _noise(path):
    path.write_bytes(np.random.default_rng(1).bytes(4000))


def _cut(path):
    draw(path)
    path.write_bytes(path.read_bytes()[:2000])


def _playlist(path):
    path.write_text("#EXTM3U\n#EXTINF:10,\nhttp://localhost:9/a.ts\n")


@pytest.mark.parametrize("break_it", [_html, _empty, _noise, _cut, _playlist, lambda p: None, lambda p: p.mkdir()])
def test_what_is_no_video_is_refused_in_one_line(tmp_path, break_it):
    path = tmp_path / "video.mp4"
    break_it(path)
    for read in (probe, read_frames, read_audio):
        with pytest.raises(MediaError) as caught:
            read(path)
        message = str(caught.value)
        assert "video.mp4" in message
        assert "\n" not in message


def test_missing_streams_are_named(tmp_path):
    silent, blind = tmp_path / "silent.mp4", tmp_path / "blind.mkv"
    write_video(silent, [np.zeros((64, 64, 3), np.uint8)] * 5)
    _write_sound(blind, [(0, np.zeros((1, 16_000)))])
    with pytest.raises(MediaError, match="no sound"):
        read_audio(silent)
    with pytest.raises(MediaError, match="no picture"):
        read_frames(blind)
    with pytest.raises(MediaError, match="no sound"):
        require_picture_and_sound(probe(silent))
    with pytest.raises(MediaError, match="no picture"):
        require_picture_and_sound(probe(blind))


def test_what_follows_a_damaged_middle_is_read_with_one_warning(tmp_path, caplog):
    path = tmp_path / "damaged.mp4"
    noise = np.random.default_rng(2).integers(0, 255, (100, 64, 64, 3), dtype=np.uint8)
    write_video(path, noise, video_codec="libx264", crf=18)
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    data[half : half + 60_000] = bytes(60_000)
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        frames = list(read_frames(path))
    assert len(frames) == 100
    assert not np.array_equal(frames[-1][1], frames[-2][1])
    assert len([record for record in caplog.records if record.name.startswith("avsync")]) == 1


def test_nothing_decodes_is_an_error(tmp_path):
    path = tmp_path / "rubbish.mp4"
    draw(path)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    with pytest.raises(MediaError):
        list(read_frames(path))


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        ("mp4", {}),
        ("mov", {"audio_offset": 0.37}),
        ("mkv", {"audio_offset": -0.37}),
        ("mkv", {"audio_codec": "libopus", "sample_rate": 48_000}),
        ("webm", {}),
        ("ts", {}),
        ("avi", {}),
    ],
)
def test_an_interval_reads_as_it_does_in_the_whole(tmp_path, suffix, how):
    """From 14.3 s on the same pictures at the same times and the same sound, without decoding what lies before."""
    path, seconds, start = tmp_path / f"long.{suffix}", 20.0, 14.3
    draw = np.random.default_rng(1)
    rate = how.get("sample_rate", 16_000)
    noise = draw.normal(0, 0.2, round(seconds * rate)).clip(-1, 1).astype(np.float32)
    sound = np.convolve(noise, np.ones(8) / 8, "same").astype(np.float32)
    dim = draw.integers(0, 255, (64, 64, 3), dtype=np.uint8)
    write_video(path, (np.roll(dim, 3 * k, 1) for k in range(round(25 * seconds))), sound, **how)

    whole, part = dict(read_frames(path)), dict(read_frames(path, start=start))
    assert sorted(part) == [k for k in whole if k >= start * 25]
    # half a grey level: VP9 decodes to the bit, this is for decoders that do not
    assert all(np.abs(part[k].astype(int) - whole[k]).mean() < 0.5 for k in part)

    first, last = round(start * 16_000), round(19.5 * 16_000)
    heard, expected = Sound(path, begin=start).cut(first, last), read_audio(path)[first:last]
    assert len(heard) == len(expected)
    assert np.abs(heard - expected).mean() < 0.03 * np.abs(expected).mean()


def test_an_interval_is_not_decoded_from_the_start(tmp_path):
    path = tmp_path / "long.mp4"
    write_video(path, (np.full((64, 64, 3), k % 200, np.uint8) for k in range(1000)), np.zeros(640_000, np.float32))
    account = Account()
    assert next(read_frames(path, account=account, start=38.0))[0] == 950
    list(read_frames(path, account=account, start=38.0))
    assert account.streams["video"].count < 200
