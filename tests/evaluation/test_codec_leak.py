import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchaudio.functional import resample

from avsync.data.shards import ShardError, write_shards
from avsync.evaluation.codec_leak import CodecLeakEvaluation, leaks, matched
from avsync.evaluation.codec_traces import picture_crops, sound_crops
from avsync.media.sound import read_audio
from avsync.media.write import write_video
from conftest import run_python
from mouths import draw_mouth, encoded

STARTS, FRAMES = 25, 50


@pytest.fixture(scope="module")
def mouths():
    """Drawn mouths, cut at random: they move every 80 ms from the start, which tells time as well as a codec does."""

    def cut(clip, draw):
        frame, sample = draw.integers(0, 25), draw.integers(0, 16_000)
        return replace(clip, frames=clip.frames[frame:][:FRAMES], audio=clip.audio[sample:][: 640 * FRAMES])

    return [cut(draw_mouth(seed, FRAMES / 25 + 1, size=64), np.random.default_rng(seed)) for seed in range(36)]


def write_splits(clips, folder):
    write_shards(map(encoded, clips[:-12]), folder / "train")
    write_shards(map(encoded, clips[-12:]), folder / "test")


def accuracy(crops):
    """Of the last 12 clips, with a probe fitted on the others."""
    crops = torch.stack(list(crops))
    return float((matched(crops[:-12], crops[-12:]) == torch.arange(crops.shape[1])).double().mean())


def test_pictures_as_drawn_are_at_chance(mouths):
    assert accuracy(picture_crops(clip.frames, STARTS) for clip in mouths) < 0.12  # chance is 0.04


def test_two_grey_levels_every_half_second_are_found(mouths):
    brighter = 2 * (np.arange(FRAMES) % 12 == 5)[:, None, None, None]
    marked = ((clip.frames.clip(0, 253) + brighter).astype(np.uint8) for clip in mouths)
    assert accuracy(picture_crops(frames, STARTS) for frames in marked) > 0.25  # 12 of 25 starts can be told apart


def test_lossless_sound_is_at_chance_and_aac_at_44100_hz_is_not(mouths, tmp_path):
    def through_aac(clip):
        sound = resample(torch.from_numpy(clip.audio), 16_000, 44_100).numpy()
        write_video(tmp_path / "sound.mp4", clip.frames[:1], sound, sample_rate=44_100)
        return read_audio(tmp_path / "sound.mp4")[: len(clip.audio)]

    assert accuracy(sound_crops(clip.audio, STARTS, (44_100,)) for clip in mouths[:24]) < 0.12
    assert accuracy(sound_crops(through_aac(clip), STARTS, (44_100,)) for clip in mouths[:24]) > 0.5


def test_a_filter_without_a_schedule_says_the_same_of_every_crop():
    noise = torch.randn(20, 10, 30, generator=torch.Generator().manual_seed(0))
    assert (matched(torch.zeros(8, 10, 30), noise) == 0).all()
    schedule = torch.eye(10, 30) * 5
    assert (matched(noise + schedule, noise.flip(0) + schedule) == torch.arange(10)).double().mean() > 0.95


def test_shards_that_flicker_on_schedule_leak_and_clean_sound_beside_does_not(mouths, tmp_path):
    brighter = 4 * (np.arange(FRAMES) % 12 == 5)[:, None, None, None]
    write_splits([replace(c, frames=(c.frames.clip(0, 251) + brighter).astype(np.uint8)) for c in mouths], tmp_path)
    probe = CodecLeakEvaluation(tmp_path / "train", STARTS, skip=0.0, crop=1.0, rates=(16_000,), progress=False)
    metrics = probe(None, tmp_path, tmp_path / "test", tmp_path)
    assert leaks(metrics, "video") and not leaks(metrics, "audio")
    assert metrics == json.loads((tmp_path / "metrics.json").read_text())
    probe.length = 75
    with pytest.raises(ShardError, match="has 0 clips of 3.96 s or more"):
        probe(None, tmp_path, tmp_path / "test", tmp_path)


def test_train_py_finds_no_leak_in_shards_as_they_are_written(mouths, tmp_path):
    write_splits(mouths, tmp_path)
    words = ["evaluation=codec_leak", "train=false", "evaluation.starts=25", "evaluation.skip=0", "evaluation.crop=1"]
    words += ["data=shards", *(f"data.{name}={tmp_path / name}" for name in ("train", "val", "test"))]
    done = run_python("train.py", *words, "evaluation.rates=[16000]", f"paths.runs={tmp_path / 'runs'}")
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.glob("runs/*/metrics.json")
    metrics = json.loads(written.read_text())
    assert metrics["test/codec_leak/chance"] == 0.04 and metrics["test/codec_leak/crops"] == 12 * 25
    assert not leaks(metrics, "video") and not leaks(metrics, "audio")
    assert done.stdout.count("at chance") == 2
