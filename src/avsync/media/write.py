"""Writing media: files with picture and sound, and the two kinds of bytes that a shard holds.

The same input gives the same bytes: one encoder thread, no dates or library versions in the container.
"""

import io
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter

from avsync.clock import FPS, SAMPLE_RATE
from avsync.errors import MediaError
from avsync.media.atomic import whole_file
from avsync.media.copies import move
from avsync.media.source import decode_bytes

_BITEXACT = {"fflags": "+bitexact"}
_CODECS = {".webm": ("libvpx-vp9", "libopus"), ".avi": ("mpeg4", "pcm_s16le"), ".mkv": ("libx264", "flac")}
_BLOCK = 1024
PRIMING = {"aac": 1024, "libmp3lame": 1105, "mp2": 481}
"""Samples that an encoder puts before the sound; AVI cannot say so, hence there it takes their place."""


def write_video(  # noqa: PLR0913 - one call says everything about the file, all but three by keyword
    path: str | Path,
    frames: Iterable[np.ndarray],
    audio: np.ndarray | Iterable[np.ndarray] | None = None,
    *,
    fps: float = FPS,
    sample_rate: int = SAMPLE_RATE,
    audio_offset: float = 0.0,
    video_codec: str | None = None,
    audio_codec: str | None = None,
    crf: int = 18,
    key_every: int = 25,
) -> None:
    """Write a video file, whole or not at all.

    Args:
        path: The file; its suffix chooses the container (.mp4, .mkv, .mov, .webm, .avi, ...).
        frames: Pictures (H, W, 3) uint8 RGB, all of one size, H and W even; may be a generator.
        audio: (S,) float32 in [-1, 1], or such pieces one after the other, or None for no sound.
        fps: Pictures a second.
        sample_rate: Hz of ``audio``.
        audio_offset: Seconds by which the timestamps move the sound later (below 0: the picture is moved
            later). AVI cannot hold start times: there the sound is preceded by silence.
        video_codec: FFmpeg encoder; default: H.264 (WebM: VP9, AVI: MPEG-4).
        audio_codec: FFmpeg encoder; default: AAC (MKV: FLAC, WebM: Opus, AVI: PCM).
        crf: Quality of H.264 and VP9: 0 is best, 18 looks lossless.
        key_every: Frames from one key frame to the next.

    Raises:
        MediaError: No frames, frames of odd size, an unknown container or codec, a read-only folder.
    """
    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise MediaError(f"{path}: no frames to write; at least one is needed")
    _require_even(first, path)
    suffix = Path(path).suffix.lower()
    default_video, default_audio = _CODECS.get(suffix, ("libx264", "aac"))
    pieces = [audio] if isinstance(audio, np.ndarray) else audio
    if suffix == ".avi" and pieces is not None:
        pieces, audio_offset = _without_start_times(pieces, audio_offset, fps, sample_rate)
    with whole_file(path) as temporary:
        try:
            with av.open(f"file:{temporary}", "w", container_options=_BITEXACT) as container:
                picture = _Picture(container, video_codec or default_video, first.shape, fps, crf, key_every)
                picture.delay = max(0.0, -audio_offset)
                sound = None
                if pieces is not None:
                    codec = audio_codec or default_audio
                    early = PRIMING.get(codec, 0) if suffix == ".avi" else 0
                    sound = _Sound(container, codec, _blocks(pieces, early), sample_rate)
                    sound.delay = max(0.0, audio_offset) + early / sample_rate
                _mux(picture, sound, chain([first], remaining))
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"{path}: cannot be written ({error}); choose another suffix or codec") from error


def encode_video(frames: np.ndarray, fps: float = FPS, crf: int = 18) -> bytes:
    """H.264 in MP4 without sound, for a shard: one key frame, at the start, and no B-frames.

    A key frame changes every pixel a little: on a schedule they tell a network what time it is, see
    :mod:`avsync.evaluation.codec_leak`. Shards are decoded from the start, nobody seeks in them.

    Args:
        frames: (T, H, W, 3) uint8 RGB, T at least 1, H and W even.
        fps: Pictures a second.
        crf: 0 is lossless, 18 looks it.

    Returns:
        The file's bytes; the same for the same frames.

    Raises:
        MediaError: No frames or an odd size.
    """
    if frames.ndim != 4 or not len(frames):
        raise MediaError(f"frames of shape {frames.shape} cannot be encoded; (T, H, W, 3) with T > 0 is needed")
    _require_even(frames[0], "encode_video")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", container_options=_BITEXACT) as container:
        _mux(_Picture(container, "libx264", frames.shape[1:], fps, crf, len(frames)), None, frames)
    return buffer.getvalue()


def encode_flac(audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> bytes:
    """16-bit FLAC.

    Args:
        audio: (S,) float32 in [-1, 1]; S at least 1.
        sample_rate: Hz.

    Returns:
        The file's bytes; the same for the same samples.

    Raises:
        MediaError: No samples.
    """
    if audio.ndim != 1 or not len(audio):
        raise MediaError(f"sound of shape {audio.shape} cannot be encoded; (S,) with S > 0 is needed")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac", container_options=_BITEXACT) as container:
        sound = _Sound(container, "flac", _blocks([audio]), sample_rate)
        sound.write_until(float("inf"))
        sound.close()
    return buffer.getvalue()


def decode_flac(data: bytes) -> np.ndarray:
    """The samples of a mono FLAC file, at its own rate.

    Returns:
        (S,) float32 in [-1, 1).

    Raises:
        MediaError: The bytes are not FLAC, or not all of it.
    """
    samples = np.concatenate([frame.to_ndarray()[0] for frame in decode_bytes(data, "flac")])
    return (samples / np.float32(-float(np.iinfo(samples.dtype).min))).astype(np.float32)


def _require_even(frame: np.ndarray, what: str | Path) -> None:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.shape[0] % 2 or frame.shape[1] % 2:
        raise MediaError(f"{what}: a frame of shape {frame.shape} cannot be encoded; (even, even, 3) is needed")


def _without_start_times(
    pieces: Iterable[np.ndarray], offset: float, fps: float, rate: int
) -> tuple[Iterable[np.ndarray], float]:
    """The sound and the offset for a container that counts frames: silence does what timestamps cannot."""
    late_frames = max(0, math.ceil(-offset * fps))
    silence = np.zeros(max(0, round((late_frames / fps + offset) * rate)), np.float32)
    return chain([silence], pieces), -late_frames / fps


def _blocks(pieces: Iterable[np.ndarray], skip: int = 0) -> Iterator[np.ndarray]:
    """Sound (S,) float32 without its first ``skip`` samples, in blocks of one length and a rest."""
    held = np.zeros(0, np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece])
        skipped = min(skip, len(held))
        held, skip = held[skipped:], skip - skipped
        whole = len(held) // _BLOCK * _BLOCK
        yield from held[:whole].reshape(-1, _BLOCK)
        held = held[whole:]
    if len(held):
        yield held


def _mux(picture: "_Picture", sound: "_Sound | None", frames: Iterable[np.ndarray]) -> None:
    for frame in frames:
        picture.write(frame)
        if sound is not None:
            sound.write_until(picture.time)
    picture.close()
    if sound is not None:
        sound.write_until(float("inf"))
        sound.close()


class _Picture:
    """A video stream being written; ``delay`` s, not only whole frames, are added to all its timestamps."""

    def __init__(  # noqa: PLR0913  what an encoder has to be told
        self, container: OutputContainer, codec: str, shape: tuple[int, ...], fps: float, crf: int, key_every: int
    ):
        # 1001 holds the NTSC rates (30000/1001) exactly
        self.rate = Fraction(fps).limit_denominator(1001)
        self.container = container
        self.stream = cast(Any, container.add_stream(codec, rate=self.rate, options=_options(codec, crf)))
        self.stream.height, self.stream.width = shape[:2]
        self.stream.pix_fmt = "yuv420p"
        self.stream.codec_context.time_base = 1 / self.rate
        self.stream.codec_context.gop_size = key_every
        self.converter = VideoReformatter()
        self.delay = 0.0
        self.count = 0

    @property
    def time(self) -> float:
        return float(self.count / self.rate) + self.delay

    def write(self, picture: np.ndarray) -> None:
        given = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = self.converter.reformat(given, format="yuv420p", threads=1)
        frame.time_base, frame.pts = 1 / self.rate, self.count
        self.count += 1
        self._mux(self.stream.encode(frame))

    def close(self) -> None:
        self._mux(self.stream.encode(None))

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.dts = packet.pts  # no B-frames; MPEG-1 and -2 leave room for one, which AVI would show as late
            move(packet, self.delay)
            self.container.mux(packet)


def _options(codec: str, crf: int) -> dict[str, str]:
    options = {"threads": "1", "flags": "+bitexact"}
    if codec == "libx264":
        # no lookahead: quality that depends on what follows tells how far the end is, and the AVX-512 code of x264's
        # macroblock tree gives other bytes once in a hundred clips
        options |= {"crf": str(crf), "preset": "veryfast", "bf": "0", "sc_threshold": "0", "rc-lookahead": "0"}
    elif codec.startswith("libvpx"):
        options |= {"crf": str(crf), "b": "0", "deadline": "realtime", "cpu-used": "8"}
    elif codec == "libx265":
        quiet = "log-level=none:pools=none:frame-threads=1:bframes=0"
        options |= {"crf": str(crf), "preset": "ultrafast", "x265-params": quiet}
    elif codec in ("mpeg4", "mpeg1video", "mpeg2video"):
        options |= {"flags": "+bitexact+qscale", "global_quality": str(118 * 3)}
    return options


class _Sound:
    """An audio stream being written from blocks of a waveform; ``delay`` s are added to all its timestamps."""

    def __init__(self, container: OutputContainer, codec: str, blocks: Iterator[np.ndarray], sample_rate: int):
        self.container = container
        options = {"flags": "+bitexact"}
        self.stream = cast(Any, container.add_stream(codec, rate=sample_rate, options=options))
        self.stream.layout = "mono"
        self.rate = sample_rate
        self.blocks = blocks
        self.delay = 0.0
        self.count = 0

    def write_until(self, time: float) -> None:
        while self.count / self.rate + self.delay < time:
            samples = next(self.blocks, None)
            if samples is None:
                return
            block = np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate = self.rate
            frame.time_base = Fraction(1, self.rate)
            frame.pts = self.count + round(self.delay * self.rate)
            self.count += block.shape[1]
            self.container.mux(self.stream.encode(frame))

    def close(self) -> None:
        self.container.mux(self.stream.encode(None))
