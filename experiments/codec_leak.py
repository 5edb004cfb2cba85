"""Do our shards tell what time it is, and do the codecs that are known to?

    python experiments/codec_leak.py data/synthetic_talkers/prepared --out experiments/codec_leak.md

The clips of all splits are written again and again, every time with one picture codec and one sound codec, and
``evaluation=codec_leak`` is asked about each. Up to half a second at the start of every clip is cut off first, at
random and to the sample: what the footage itself was coded with then lies elsewhere in every clip and what is found is
the codec under test. The first row is the clips as they are, their footage's own codecs included.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
import webdataset as wds
from rich.progress import track
from torchaudio.functional import resample

from avsync import clock
from avsync.data.shards import Clip, decode_sample, write_shards
from avsync.evaluation.codec_leak import CodecLeakEvaluation, leaks
from avsync.media.write import encode_flac, encode_video
from common import origin

FRAMES, CUT = 62, 12
"""Frames of a clip after the cut, and the most that are cut off: together what clips of three seconds hold."""
H264 = {"crf": "18", "preset": "veryfast", "bf": "0"}


def main() -> None:
    """Write every variant, probe it, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prepared", type=Path, help="folder with train, val and test")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--test", type=int, default=100, help="clips that are asked about (default 100)")
    parser.add_argument("--limit", type=int, help="clips in all, for a trial")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not any(options.prepared.glob("*/shards/*.tar")):
        parser.error(f"{options.prepared} holds no SPLIT/shards/*.tar; give a folder of splits that were prepared")
    rows = []
    for name, video, audio in variants():
        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            size = write_variant(options, Path(folder), video, audio)
            probe = CodecLeakEvaluation(Path(folder) / "train", starts=25, skip=0.5, crop=1.0)
            rows.append((name, size, probe(None, Path(folder), Path(folder) / "test", Path(folder))))
            print(f"{name}: {time.process_time() - began:.0f} s")
            options.out.write_text(page(rows, options))


def variants() -> Iterator[tuple[str, Callable | None, Callable | None]]:
    """Name, picture codec (frames to bytes) and sound codec (samples to samples); None leaves both as they are."""
    yield "as they are", None, None
    yield "shards' H.264; FLAC", encode_video, lambda audio: audio
    yield (
        "H.264, key frame every 25; AAC 16 kHz, 64 kb/s",
        partial(encoded, "libx264", H264 | {"g": "25"}),
        aac(16_000, 64),
    )
    yield (
        "H.264, key frames only; AAC 44.1 kHz, 64 kb/s",
        partial(encoded, "libx264", H264 | {"g": "1"}),
        aac(44_100, 64),
    )
    yield "MPEG-4 part 2; AAC 44.1 kHz, 96 kb/s", partial(encoded, "mpeg4", {}), aac(44_100, 96)
    yield "H.264 as FFmpeg does; AAC 44.1 kHz, 128 kb/s", partial(encoded, "libx264", {}), aac(44_100, 128)


def write_variant(options: argparse.Namespace, folder: Path, video: Callable | None, audio: Callable | None) -> float:
    """``folder/train`` and ``folder/test`` with every clip once; returns kB of picture a clip."""
    shards = [str(path) for path in sorted(options.prepared.glob("*/shards/*.tar"))]
    samples = list(wds.DataPipeline(wds.SimpleShardList(shards), wds.tarfile_to_samples()))
    samples = [sample for sample in samples if json.loads(sample["json"])["seconds"] >= clock.seconds(FRAMES + CUT)]
    samples, sizes = samples[: options.limit], []

    def written(sample: dict) -> dict:
        if video is not None and audio is not None:
            clip = cut(decode_sample(sample), np.random.default_rng([options.seed, *sample["__key__"].encode()]))
            sample = sample | {"mp4": video(clip.frames), "flac": encode_flac(audio(clip.audio))}
        sizes.append(len(sample["mp4"]) / 1000)
        return {name: sample[name] for name in ("__key__", "mp4", "flac", "json")}

    for split, part in (("test", samples[: options.test]), ("train", samples[options.test :])):
        write_shards(map(written, track(part, f"writing {split}", transient=True)), folder / split)
    return float(np.mean(sizes))


def cut(clip: Clip, draw: np.random.Generator) -> Clip:
    """The clip without up to half a second at its start; picture and sound lose each their own part."""
    first, sample = draw.integers(0, CUT), draw.integers(0, CUT * clock.SAMPLES_PER_FRAME)
    samples = FRAMES * clock.SAMPLES_PER_FRAME
    return replace(clip, frames=clip.frames[first : first + FRAMES], audio=clip.audio[sample : sample + samples])


def encoded(codec: str, options: dict[str, str], frames: np.ndarray) -> bytes:
    """Pictures as FFmpeg's ``codec`` writes them to MP4, with its own settings but for ``options``."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=clock.FPS, options={"threads": "1"} | options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def aac(rate: int, kilobits: int) -> Callable[[np.ndarray], np.ndarray]:
    """Sound through AAC in MP4 at another sample rate and back, to the sample where it was."""

    def there_and_back(audio: np.ndarray) -> np.ndarray:
        sound = resample(torch.from_numpy(audio), clock.SAMPLE_RATE, rate).numpy()
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=rate, layout="mono", bit_rate=1000 * kilobits)
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
        buffer.seek(0)
        with av.open(buffer) as container:
            decoded = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        back = resample(torch.from_numpy(decoded), rate, clock.SAMPLE_RATE).numpy()
        return np.pad(back, (0, max(0, len(audio) - len(back))))[: len(audio)]

    return there_and_back


def page(rows: list[tuple[str, float, dict[str, float]]], options: argparse.Namespace) -> str:
    """The table as Markdown."""
    told = {name.rsplit("/", 1)[1]: value for name, value in rows[0][2].items()}
    lines = [
        "# Does the codec tell time?",
        "",
        f"{origin()}, seed {options.seed}. "
        f"{told['clips']} test clips, {told['crops']} crops of 1 s from {round(1 / told['chance'])} starts; chance "
        f"is {told['chance']:.3f}. ± is the standard error over clips; bold: three of them above chance.",
        "",
        "| picture; sound | kB of picture a clip | picture tells | sound tells |",
        "|---|--:|--:|--:|",
    ]
    for name, size, metrics in rows:
        cells = [name, f"{size:.1f}"]
        for stream in ("video", "audio"):
            accuracy, error = (metrics[f"test/codec_leak/{stream}_{part}"] for part in ("acc", "se"))
            mark = "**" if leaks(metrics, stream) else ""
            cells.append(f"{mark}{accuracy:.3f}{mark} ± {error:.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
