"""A small copy of a video that every browser plays, in which picture and sound lie as they do in the file."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from avsync.clock import FPS
from avsync.media.probe import MediaInfo, probe, require_picture_and_sound
from avsync.media.read import read_frames
from avsync.media.sound import Sound

RATE = 48_000
FASTEST = 30.0
SIDE = 640
_BLOCK = 1024
_SOUND_BITS = 96_000


def browser_copy(path: str | Path, most_bytes: int, progress: Callable[[float], None] | None = None) -> bytes:
    """H.264 and AAC in MP4 from time 0 of the file clock on; black until the picture starts.

    Args:
        path: A video with sound.
        most_bytes: About what it may take; the quality gives way.
        progress: Called with the share that is done, 0...1.

    Raises:
        MediaError: The file cannot be read, or lacks picture or sound.
    """
    info = probe(path)
    require_picture_and_sound(info)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        bits = int(8 * most_bytes / max(info.duration, 1.0)) - _SOUND_BITS
        picture = _Picture(container, info, max(bits, _SOUND_BITS))
        sound = _Sound(container, path)
        for k, frame in read_frames(path, picture.fps):
            picture.write(k, frame)
            sound.write_until((k + 1) / picture.fps)
            if progress is not None and info.duration:
                progress(min(1.0, (k + 1) / picture.fps / info.duration))
        picture.close()
        sound.close()
    return buffer.getvalue()


class _Picture:
    def __init__(self, container: Any, info: MediaInfo, bits: int) -> None:
        assert info.video is not None
        self.fps = min(info.video.fps or FPS, FASTEST)
        self._container, self._rate, self._count = container, Fraction(self.fps).limit_denominator(1001), 0
        scale = min(1.0, SIDE / max(info.video.width, info.video.height))
        self._size = [max(2, 2 * round(side * scale / 2)) for side in (info.video.width, info.video.height)]
        options = {
            "preset": "veryfast", "crf": "26", "bf": "0", "threads": "1", "flags": "+bitexact",
            "maxrate": str(bits), "bufsize": str(2 * bits),
        }  # fmt: skip
        self._stream = container.add_stream("libx264", rate=self._rate, options=options)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = 1 / self._rate
        self._stream.codec_context.gop_size = round(self.fps)  # people jump about

    def write(self, k: int, frame: np.ndarray) -> None:
        while self._count < k:
            self._encode(np.zeros_like(frame))
        self._encode(frame)

    def _encode(self, frame: np.ndarray) -> None:
        width, height = self._size
        shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        small = shown.reformat(width, height, format="yuv420p", interpolation="AREA")
        small.time_base, small.pts = 1 / self._rate, self._count
        self._count += 1
        self._container.mux(self._stream.encode(small))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))


class _Sound:
    def __init__(self, container: Any, path: str | Path) -> None:
        self._container, self._sound, self._count = container, Sound(path, RATE), 0
        self._stream = container.add_stream("aac", rate=RATE, options={"flags": "+bitexact"})
        self._stream.layout, self._stream.bit_rate = "mono", _SOUND_BITS

    def write_until(self, time: float) -> None:
        while self._count / RATE < time and self._block():
            pass

    def close(self) -> None:
        while self._block():
            pass
        self._container.mux(self._stream.encode(None))

    def _block(self) -> bool:
        samples = self._sound.cut(self._count, self._count + _BLOCK)
        if not len(samples):
            return False
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), self._count
        self._count += len(samples)
        self._sound.forget(self._count)
        self._container.mux(self._stream.encode(frame))
        return True
