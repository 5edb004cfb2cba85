"""A white flash and a click at known times: what every timing test here draws and finds again."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from avsync.media.damage import Account
from avsync.media.read import read_frames
from avsync.media.sound import read_audio
from avsync.media.write import write_video

FINE = 100
"""Pictures a second at which the flash is looked for."""


def draw(path: Path, *, fps: float = 25.0, rate: int = 16_000, seconds: float = 2.0, **how: object) -> float:
    """Write the file; returns the true time of the flash and, before any offset, of the click."""
    pictures, sound, at = _made(fps, rate, seconds)
    write_video(path, pictures, sound, fps=fps, sample_rate=rate, **how)  # type: ignore[arg-type]
    return at


def draw_as_cameras_do(  # noqa: PLR0913 - all that an encoder can be told
    path: Path,
    video_codec: str,
    audio_codec: str,
    *,
    fps: float = 25.0,
    rate: int = 48_000,
    layout: str = "stereo",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> float:
    """The same with the encoders' own settings (B-frames, open groups) and any layout and format of pixels."""
    pictures, sound, at = _made(fps, rate, 2.0)
    with av.open(str(path), "w") as container:
        video = container.add_stream(video_codec, rate=Fraction(fps).limit_denominator(1001), options=options or {})
        video.width = video.height = 64
        video.pix_fmt = pix_fmt
        audio = container.add_stream(audio_codec, rate=rate, layout=layout)
        wave = av.AudioFifo()
        block = np.repeat(sound[None], audio.layout.nb_channels, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        wave.write(frame)
        for k, picture in enumerate(pictures):
            shown = av.VideoFrame.from_ndarray(picture, format="rgb24")
            shown.pts, shown.time_base = k, 1 / video.codec_context.framerate
            container.mux(video.encode(shown))
            while heard := wave.read(1024, partial=True) if (k + 1) / fps > wave.samples_read / rate else None:
                container.mux(audio.encode(heard))
        for stream in (video, audio):
            container.mux(stream.encode(None))
    return at


def find(path: Path, account: Account | None = None) -> tuple[float, float]:
    """Times of the flash and of the click on the file clock, s."""
    bright = [k / FINE for k, picture in read_frames(path, FINE, account) if picture.mean() > 128]
    sound = read_audio(path, account=account)
    # nearest-timestamp reading shows the flash from half a frame before to half a frame after its time
    return (bright[0] + bright[-1]) / 2, int(np.argmax(np.abs(sound) > 0.2)) / 16_000


def lag(path: Path, account: Account | None = None) -> float:
    """Seconds that the click is later than the flash."""
    flash, click = find(path, account)
    return click - flash


def _made(fps: float, rate: int, seconds: float) -> tuple[Iterator[np.ndarray], np.ndarray, float]:
    """Pictures, sound, and the time of the flash and of the click in them."""
    flash = round(fps * seconds / 2)
    # noise: pictures of some size, else a program stream has only one time for all of them
    dim = np.random.default_rng(0).integers(0, 60, (64, 64, 3), dtype=np.uint8)
    pictures = (np.roll(dim, 7 * k, 0) | np.uint8(255 * (k == flash)) for k in range(round(fps * seconds)))
    sound = np.zeros(round(seconds * rate), np.float32)
    burst = np.arange(rate // 100) / rate
    first = round(flash / fps * rate)
    sound[first : first + len(burst)] = 0.9 * np.sin(2 * np.pi * 1000 * burst)
    return pictures, sound, flash / fps
