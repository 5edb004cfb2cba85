"""A white flash and a click at known times: what every timing test here draws and finds again."""

from pathlib import Path

import numpy as np

from avsync.media.read import read_audio, read_frames
from avsync.media.write import write_video

FINE = 100
"""Pictures a second at which the flash is looked for."""


def draw(path: Path, *, fps: float = 25.0, rate: int = 16_000, seconds: float = 2.0, **how: object) -> float:
    """Write the file; returns the true time of the flash and, before any offset, of the click."""
    flash = round(fps * seconds / 2)
    at = flash / fps
    pictures = (np.full((64, 64, 3), 255 * (k == flash), np.uint8) for k in range(round(fps * seconds)))
    sound = np.zeros(round(seconds * rate), np.float32)
    burst = np.arange(rate // 100) / rate
    first = round(at * rate)
    sound[first : first + len(burst)] = 0.9 * np.sin(2 * np.pi * 1000 * burst)
    write_video(path, pictures, sound, fps=fps, sample_rate=rate, **how)  # type: ignore[arg-type]
    return at


def find(path: Path, fps: float = 25.0) -> tuple[float, float]:
    """Times of the flash and of the click on the file clock, s."""
    bright = [k / FINE for k, picture in read_frames(path, FINE) if picture.mean() > 128]
    sound = read_audio(path)
    # nearest-timestamp reading shows the flash from half a frame before to half a frame after its time
    return (bright[0] + bright[-1]) / 2, int(np.argmax(np.abs(sound) > 0.2)) / 16_000


def lag(path: Path) -> float:
    """Seconds that the click is later than the flash."""
    flash, click = find(path)
    return click - flash
