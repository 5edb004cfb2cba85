"""Windows a second of a training step, whole clips at once beside window by window.

    python benchmarks/training_speed.py --out experiments/training_speed.md

The plain way cuts every window out and embeds it alone, as one of a large batch: five frames, and their twenty feature
steps of the clip's spectrogram, whose level counts from the whole clip. Batch, network, loss, optimizer and precision
are the same, and so are the embeddings (tests/test_benchmarks.py). Both ways take turns, in one process a network; the
middle of the steps' times counts. Memory is the highest that a process of its own has held, libraries included.

Data sets of windows decode a clip for each (Wav2Lip's, LatentSync's); ours takes three segments of every clip decoded.
So the time to decode a clip is measured too, on one core, and the speed with it told: added to the step's, as with one
process. Parallel loaders hide it for both until they are out of cores.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import webdataset as wds
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor, nn

from avsync import clock
from avsync.data.datamodule import decode_clips
from avsync.data.shards import verified_shards
from avsync.models.syncnet import SyncNet
from avsync.training.trainer import fast_precision

ROOT = Path(__file__).resolve().parent.parent
SEGMENTS = {"syncnet": 16, "syncnet_2016": 1, "syncnet_v2": 1}
SECONDS = {"syncnet": 2.0, "syncnet_2016": 0.6, "syncnet_v2": 0.6}
WAYS = ("whole", "plain")
SEGMENTS_PER_CLIP = 3
"""As in configs/data/shards.yaml."""


def whole_clips(net: SyncNet, frames: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """(B, T, H, W, 3) and (B, 640 T) to (B, N, D) of both streams, in one pass."""
    return net.embed_video(frames), net.embed_audio(audio)


def window_by_window(net: SyncNet, frames: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """The same, with every window cut out and embedded alone."""
    shape = (len(frames), frames.shape[1] - clock.WINDOW_FRAMES + 1)
    cut = frames.unfold(1, clock.WINDOW_FRAMES, 1).permute(0, 1, 5, 2, 3, 4)  # (B, N, 5, H, W, 3)
    video = net.embed_video(cut.flatten(0, 1).contiguous())
    steps = net.audio_features(audio).unfold(3, clock.WINDOW_FRAMES * clock.STEPS_PER_FRAME, clock.STEPS_PER_FRAME)
    heard = net._scaled(net.audio_tower(steps.permute(0, 3, 1, 2, 4).flatten(0, 1).contiguous()))
    return video.unflatten(0, shape)[:, :, 0], heard.unflatten(0, shape)[:, :, 0]


def build(model: str) -> tuple[SyncNet, nn.Module, Any]:
    """Network, objective and optimizer of ``model=...``."""
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose("train", [f"model={model}"])
    torch.manual_seed(0)
    net, objective = instantiate(cfg.model.net), instantiate(cfg.model.objective)
    return net, objective, instantiate(cfg.model.optimizer)([*net.parameters(), *objective.parameters()])


def measure(model: str, way: str, device: str, segments: int, seconds: float, steps: int) -> dict[str, float]:
    """Windows a second of one way, or of both in turns, and the most memory held, in GiB."""
    net, objective, optimizer = build(model)
    net, objective = net.to(device).train(), objective.to(device)
    size, length = net.face_size, clock.frames(seconds)
    frames = torch.randint(0, 256, (segments, length, size, size, 3), dtype=torch.uint8, device=device)
    audio = 0.1 * torch.randn(segments, length * clock.SAMPLES_PER_FRAME, device=device)
    speech = torch.ones(segments, length - clock.WINDOW_FRAMES + 1, device=device)
    half = fast_precision(device) == "bf16-mixed"

    def step(embed: Any) -> float:
        start = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=half):
            video, heard = embed(net, frames, audio)
        optimizer.zero_grad()
        objective(video, heard, speech).backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    ways = {"whole": whole_clips, "plain": window_by_window}
    chosen = {name: ways[name] for name in (WAYS if way == "both" else [way])}
    turns = [{name: step(embed) for name, embed in chosen.items()} for _ in range(steps + 1)][1:]  # the first warms up
    told = {name: speech.numel() / statistics.median(turn[name] for turn in turns) for name in chosen}
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return told | {"memory": torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else most}


def decoding(folder: Path, clips: int = 20) -> float:
    """Seconds to decode a clip of shards, the middle of some."""
    spent = []
    for sample in itertools.islice(wds.tarfile_to_samples()([{"url": url} for url in verified_shards(folder)]), clips):
        start = time.perf_counter()
        next(decode_clips([sample]))
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def in_a_process(*arguments: object) -> dict[str, float]:
    """:func:`measure` in a process of its own, whose memory is its own."""
    words = [sys.executable, __file__, "--one", *map(str, arguments)]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(SEGMENTS), choices=list(SEGMENTS))
    parser.add_argument("--segments", type=int, help=f"of a batch (default {SEGMENTS})")
    parser.add_argument("--seconds", type=float, help=f"of a segment (default {SECONDS})")
    parser.add_argument("--steps", type=int, default=5, help="timed of each way (default 5)")
    parser.add_argument("--shards", type=Path, default=Path("data/synthetic_talkers/prepared/train"))
    parser.add_argument("--out", type=Path, help="a Markdown file")
    parser.add_argument("--one", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        model, way, device, segments, seconds, steps = options.one
        print(json.dumps(measure(model, way, device, int(segments), float(seconds), int(steps))))
        return
    page = "\n".join(table(options)) + "\n"
    if options.out:
        options.out.write_text(page)
    print(page)


def table(options: argparse.Namespace) -> list[str]:
    """A row for every network and device."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    decode = decoding(options.shards)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    gpu = f", {torch.cuda.get_device_name()}" if len(devices) > 1 else ""
    lines = [
        "# Training speed",
        "",
        f"`python {' '.join(sys.argv)}` at commit {git.stdout.strip() or 'unknown'}; {processor()}, {os.cpu_count()} "
        f"cores, {torch.get_num_threads()} threads{gpu}; {', '.join(f'{d}: {fast_precision(d)}' for d in devices)}.",
        "",
        "Windows a second of a training step (forward, loss, backward, optimizer); GiB held at most. Decoding a clip "
        f"of {options.shards} takes {1000 * decode:.1f} ms: once for {SEGMENTS_PER_CLIP} segments, or once "
        "for a window.",
        "",
        "| model | device | batch | whole clips | window by window | times as fast | with decoding | | times as fast "
        "| GiB, whole | GiB, by window |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for model in options.models:
        segments, seconds = options.segments or SEGMENTS[model], options.seconds or SECONDS[model]
        for device in devices:
            speed = in_a_process(model, "both", device, segments, seconds, options.steps)
            most = [in_a_process(model, way, device, segments, seconds, 1)["memory"] for way in WAYS]
            memory = [f"{value:.1f}" for value in most]
            windows = SEGMENTS_PER_CLIP * (clock.frames(seconds) - clock.WINDOW_FRAMES + 1)
            bare = (speed["whole"], speed["plain"])
            fed = (1 / (1 / bare[0] + decode / windows), 1 / (1 / bare[1] + decode))
            cells = [f"{cell:.1f}" for one, two in (bare, fed) for cell in (one, two, one / two)]
            lines.append("| " + " | ".join([model, device, f"{segments} of {seconds} s", *cells, *memory]) + " |")
    return lines


def processor() -> str:
    """The CPU's name."""
    names = [row for row in Path("/proc/cpuinfo").read_text().splitlines() if row.startswith("model name")]
    return names[0].split(":")[1].strip() if names else platform.processor()


if __name__ == "__main__":
    main()
