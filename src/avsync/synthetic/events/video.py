"""One video of things that sound when they act, and everything that is true about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avsync import clock
from avsync.media.write import write_video
from avsync.synthetic.events.acting import active
from avsync.synthetic.events.brush import MASK_STEP, Brush
from avsync.synthetic.events.masks import pack
from avsync.synthetic.events.staging import BORDER, HEIGHT, NOISES, WIDTH, Placed, Take, make_take


def film(take: Take) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Frames (H, W, 3) uint8 RGB, each with the mask (H / 2, W / 2) bool of what sounds then, None if nothing does."""
    camera = take.camera
    table = (np.arange(256)[:, None] * np.array(camera.tint)).clip(0, 255).astype(np.uint8)[None]
    draw = np.random.default_rng(camera.seed)
    for k, (x, y) in enumerate(camera.drift):
        centre = (WIDTH / 2 + BORDER - 0.5 - x, HEIGHT / 2 + BORDER - 0.5 - y)
        picture = cv2.getRectSubPix(take.backdrop, (WIDTH, HEIGHT), centre)
        mask = _paint(take, picture, clock.seconds(k), complex(x, y))
        top, left = draw.integers(0, 16, 2)
        noise = camera.noises[draw.integers(NOISES)][top : top + HEIGHT, left : left + WIDTH]
        yield cv2.add(cv2.LUT(picture, table), noise, dtype=cv2.CV_8U), mask


def _paint(take: Take, picture: np.ndarray, time: float, drift: complex) -> np.ndarray | None:
    sounding = [active(time, one.part.events) is not None for one in take.placed]
    mask = np.zeros((HEIGHT // MASK_STEP, WIDTH // MASK_STEP), np.uint8) if any(sounding) else None
    brush = Brush(picture, mask, origin=drift)
    for passer in take.behind:
        passer.paint(brush, time)
    for one, sounds_now in zip(take.placed, sounding, strict=True):
        own = Brush(picture, mask, sounds_now, origin=drift)
        one.thing.paint(own.at(one.x, one.y, one.scale, mirrored=one.mirrored), time)
    for passer in take.before:
        passer.paint(brush, time)
    return None if mask is None else mask.astype(bool)


def draw_events(path: str | Path, *, seed: int, split: str, seconds: float) -> dict[str, Any]:
    """Write a video of things that sound; sound and picture belong together to the sample.

    Args:
        path: MKV file: its sound is lossless, and there is one key frame, since codecs tell the time.
        seed: Another seed is another clip.
        split: train, val or test.
        seconds: Length.

    Returns:
        The truth, ready for JSON: labels, events, masks, things, surroundings.

    Raises:
        MediaError: The file cannot be written.
    """
    take = make_take(seed=seed, split=split, seconds=seconds)
    masks: list[str] = []

    def frames() -> Iterator[np.ndarray]:
        for picture, mask in film(take):
            masks.append(pack(mask))
            yield picture

    crf, count = take.camera.crf, len(take.camera.drift)
    write_video(path, frames(), take.sound, fps=clock.FPS, sample_rate=clock.SAMPLE_RATE, crf=crf, key_every=count)
    return truth(take, split) | {
        "mask": {"height": HEIGHT // MASK_STEP, "width": WIDTH // MASK_STEP, "rate": clock.FPS, "frames": masks}
    }


def truth(take: Take, split: str) -> dict[str, Any]:
    """What is known about a clip, as plain types."""
    things = [
        {
            "label": one.label,
            "size": round(one.part.size, 3),
            "material": one.part.material.name,
            "strengths": [event.strength for event in one.part.events],
            "box": [round(value / side, 3) for value, side in _box(one)],
        }
        for one in take.placed
    ]
    silent = [one.name for one in (*take.behind, *take.before)]
    scene = {"width": WIDTH, "height": HEIGHT, "background": take.surroundings, "crf": take.camera.crf}
    told = {"split": split, "offset": 0.0, "labels": take.labels, "events": take.events, "things": things}
    return told | {"silent": silent, "snr_db": take.snr, "scene": scene}


def _box(one: Placed) -> list[tuple[float, int]]:
    """Left, top, right, bottom of where a thing stands, without the camera's drift, and what each is a share of."""
    half = one.scale / 2
    edges = ((one.x - half, WIDTH), (one.y - half, HEIGHT), (one.x + half, WIDTH), (one.y + half, HEIGHT))
    return [(min(float(side), max(0.0, value)), side) for value, side in edges]
