"""One video of one drawn person talking, and everything that is true about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avsync.clock import FPS, SAMPLE_RATE
from avsync.media.write import write_video
from avsync.synthetic.face import Face, HeadPose
from avsync.synthetic.identity import Identity, draw_identity
from avsync.synthetic.motion import Motion, draw_motion
from avsync.synthetic.scene import Camera, Scene, draw_scene
from avsync.synthetic.texts import SPLITS
from avsync.synthetic.visemes import Style, mouth_poses
from avsync.synthetic.voice import Talk, Voice, draw_voice, loudness, record, talk


@dataclass(frozen=True)
class Talker:
    """A person about to be filmed: nothing left to chance but the camera's noise.

    Attributes:
        who: Looks.
        voice: espeak-ng's settings.
        talk: What is said.
        sound: (S,) float32 at 16 kHz, as recorded.
        snr: dB.
        times: (T,) s of the frames.
        poses: (T, len(POSE)) of the mouth.
        motion: Of the rest.
        scene: Around.
        camera_seed: Of the camera's noise.
    """

    who: Identity
    voice: Voice
    talk: Talk
    sound: np.ndarray
    snr: float
    times: np.ndarray
    poses: np.ndarray
    motion: Motion
    scene: Scene
    camera_seed: int


def make_talker(*, seed: int, split: str, seconds: float) -> Talker:
    """Everything about a video but its pixels.

    Args:
        seed: Another seed is another person; the same seed in another split too.
        split: train, val or test; no sentence and no voice of one is used in another.
        seconds: Length.

    Returns:
        The talker; the same for the same arguments.
    """
    streams = np.random.SeedSequence([seed, SPLITS.index(split)]).spawn(5)
    looks, speech, moves, place, camera = (np.random.default_rng(stream) for stream in streams)
    who = draw_identity(f"{split}-{seed}", looks)
    voice = draw_voice(split, speech)
    spoken = talk(voice, split, seconds, speech)
    sound, snr = record(spoken.clean, speech)
    times = np.arange(max(1, round(seconds * FPS))) / FPS
    style = Style(
        strength=float(moves.uniform(1.05, 1.35)),
        rest_open=float(moves.choice([0.0, moves.uniform(0.03, 0.12)], p=[0.65, 0.35])),
        loudness_gain=float(moves.uniform(0.7, 1.0)),
        spread=float(moves.uniform(-0.12, 0.12)),
    )
    poses = mouth_poses(spoken.phonemes, times, loudness(spoken.clean, times), style)
    motion = draw_motion(times, moves)
    return Talker(who, voice, spoken, sound, snr, times, poses, motion, draw_scene(place), int(camera.integers(2**31)))


def draw_talker(path: str | Path, *, seed: int, split: str, seconds: float) -> dict[str, Any]:
    """Write a video of a talking head; sound and picture belong together to the millisecond.

    Args:
        path: MKV file: its sound is lossless, and there is one key frame, since codecs tell the time.
        seed: Another seed is another person.
        split: train, val or test.
        seconds: Length.

    Returns:
        The truth, ready for JSON: identity, voice, texts, phonemes with times, blinks, scene.

    Raises:
        AvsyncError: espeak-ng is not installed.
        MediaError: The file cannot be written.
    """
    talker = make_talker(seed=seed, split=split, seconds=seconds)
    one, crf = len(talker.times), talker.scene.crf
    write_video(path, frames(talker), talker.sound, fps=FPS, sample_rate=SAMPLE_RATE, crf=crf, key_every=one)
    return truth(talker, split)


def frames(talker: Talker) -> Iterator[np.ndarray]:
    """The frames (H, W, 3) uint8 RGB, one at a time."""
    scene, motion = talker.scene, talker.motion
    face = Face(talker.who, scene.light, scene.cloth)
    camera = Camera(scene, np.random.default_rng(talker.camera_seed))
    for k in range(len(talker.times)):
        pose = HeadPose(
            x=scene.width / 2 + motion.x[k] * scene.height,
            y=0.63 * scene.height + motion.y[k] * scene.height,
            scale=scene.face_scale * motion.zoom[k],
            roll=motion.roll[k],
            yaw=motion.yaw[k],
            pitch=motion.pitch[k],
        )
        portrait = face.portrait(talker.poses[k], motion.lids[k], motion.gaze[k])
        yield camera.film(face.draw(scene.background, portrait, pose), motion.brightness[k])


def truth(talker: Talker, split: str) -> dict[str, Any]:
    """What is known about a talker, as plain types."""
    scene = talker.scene
    return {
        "split": split,
        "offset": 0.0,
        "identity": talker.who.as_dict(),
        "voice": asdict(talker.voice),
        "texts": list(talker.talk.texts),
        "phonemes": [
            [one.symbol, round(one.start, 4), round(one.end, 4), round(one.release, 4)] for one in talker.talk.phonemes
        ],
        "blinks": [list(blink) for blink in talker.motion.blinks],
        "snr_db": talker.snr,
        "scene": {"width": scene.width, "height": scene.height, "background": scene.kind, "crf": scene.crf},
    }
