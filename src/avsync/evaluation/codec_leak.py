"""Does the codec tell time? One stream alone predicts when a crop of it starts; above chance, it does.

A network that reads the time of a picture and the time of a sound out of compression artefacts needs neither lips nor
speech to align them (SparseSync, arXiv 2210.07055, section on artefacts). What a codec does on a schedule it does at
the same moments of every clip, and content does not; so the probe is a matched filter instead of a network:

    codec_traces: statistics in which codecs show and content does not
    training clips ─► their mean over clips at every start: what is on schedule
    a crop         ─► the start whose schedule it fits best

Seen is what is on the clip's clock: the codec of the shards, and that of footage that was one clip a file. Clips cut
out of longer footage carry its schedule too, but begin anywhere in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from avsync import clock
from avsync.data.shards import ShardError, read_clips
from avsync.evaluation.codec_traces import picture_crops, sound_crops
from avsync.media.atomic import whole_file

SIGNIFICANT = 3.0
"""Standard errors: a mean over the training clips below this is no schedule."""


class CodecLeakEvaluation:
    """Accuracy of the start of a crop, told from the picture alone and from the sound alone.

    Args:
        train: Folder of shards on which the probes are fitted.
        starts: Classes: a crop starts at one of so many frames in a row; chance is 1 / starts.
        skip: Seconds before the first of them; recordings begin with silence, which tells time too.
        crop: Seconds in a crop.
        clips: The most that are used of a split.
        rates: Hz at which the sound may have been coded.
        progress: Show a bar and print the table.
    """

    needs_checkpoint = False

    def __init__(  # noqa: PLR0913  each a line of configs/evaluation/codec_leak.yaml
        self,
        train: str | Path,
        starts: int = 25,
        skip: float = 0.5,
        crop: float = 1.5,
        clips: int = 300,
        rates: Sequence[int] = (16_000, 44_100, 48_000),
        progress: bool = True,
    ):
        self.train, self.clips, self.rates, self.progress = Path(train), clips, rates, progress
        self.first, self.starts, self.length = clock.frames(skip), starts, clock.frames(crop)

    def __call__(self, checkpoint: Path | None, val: Path, test: Path, run: Path) -> dict[str, float]:
        """Fit on the training clips, predict on ``test``, and write ``metrics.json``.

        Args:
            checkpoint: Not used: the shards are what is measured.
            val: Not used.
            test: Folder of shards.
            run: Where metrics.json goes.

        Returns:
            ``test/codec_leak/`` with ``video_acc`` and ``audio_acc`` in 0...1, their standard errors ``..._se`` over
            clips, ``chance``, and the numbers of ``clips`` and ``crops``.

        Raises:
            ShardError: Fewer than 8 clips of a split are long enough.
        """
        known, asked = self._crops(self.train, "fitting"), self._crops(test, "testing")
        chance, clips = 1 / self.starts, len(asked["video"])
        metrics = {"chance": chance, "clips": clips, "crops": clips * self.starts}
        for stream in ("video", "audio"):
            right = (matched(known[stream], asked[stream]) == torch.arange(self.starts)).double().mean(dim=1)
            # crops of one clip are not independent: the error is that over clips, and at least that of guessing
            guessing = math.sqrt(chance * (1 - chance) / (clips * self.starts))
            metrics[f"{stream}_acc"] = float(right.mean())
            metrics[f"{stream}_se"] = max(float(right.std()) / math.sqrt(clips), guessing)
        metrics = {f"test/codec_leak/{name}": value for name, value in metrics.items()}
        with whole_file(run / "metrics.json") as partial:
            partial.write_text(json.dumps(metrics, indent=1) + "\n")
        if self.progress:
            print_leaks(metrics)
        return metrics

    def _crops(self, folder: Path, what: str) -> dict[str, Tensor]:
        needed = self.first + self.starts - 1 + self.length
        enough = (clip for clip in read_clips(folder) if len(clip.frames) >= needed)
        found: dict[str, list[Tensor]] = {"video": [], "audio": []}
        for clip in track(islice(enough, self.clips), what, disable=not self.progress, transient=True):
            audio = clip.audio[self.first * clock.SAMPLES_PER_FRAME : needed * clock.SAMPLES_PER_FRAME]
            found["video"].append(picture_crops(clip.frames[self.first : needed], self.starts))
            found["audio"].append(sound_crops(audio, self.starts, self.rates))
        if len(found["video"]) < 8:
            raise ShardError(
                f"{folder} has {len(found['video'])} clips of {clock.seconds(needed)} s or more, the probe needs 8; "
                "give more clips, or lower evaluation.starts or evaluation.crop"
            )
        return {stream: torch.stack(crops) for stream, crops in found.items()}


def matched(known: Tensor, asked: Tensor) -> Tensor:
    """The start that every crop fits best.

    Args:
        known: (N, K, D) statistics of N training clips' crops from K starts.
        asked: (M, K, D) the same of crops to be told apart.

    Returns:
        (M, K) predicted starts; where nothing in ``known`` is on schedule, all the same.
    """
    middle = known.mean((0, 1))
    schedule = known.mean(0) - middle  # (K, D)
    variance = (known - middle - schedule).square().mean((0, 1)) + 1e-12
    significant = schedule.abs() > SIGNIFICANT * (variance / len(known)).sqrt()
    weight = schedule * significant / variance
    return ((asked - middle) @ weight.T - (schedule * weight).sum(1) / 2).argmax(-1)


def leaks(metrics: dict[str, float], stream: str) -> bool:
    """True if ``stream`` is above chance by more than three standard errors, which luck is once in 700 times."""
    accuracy, error = (metrics[f"test/codec_leak/{stream}_{name}"] for name in ("acc", "se"))
    return accuracy - metrics["test/codec_leak/chance"] > 3 * error


def print_leaks(metrics: dict[str, float]) -> None:
    """The table, and what it says in words."""
    told = {name.removeprefix("test/codec_leak/"): value for name, value in metrics.items()}
    title = f"Start of a crop (chance {told['chance']:.3f}, {told['clips']} clips)"
    table = Table("stream alone", "accuracy", "± over clips", "verdict", title=title)
    for stream in ("video", "audio"):
        verdict = "leaks the time" if leaks(metrics, stream) else "at chance"
        table.add_row(stream, f"{told[stream + '_acc']:.3f}", f"{told[stream + '_se']:.3f}", verdict)
    Console().print(table)
