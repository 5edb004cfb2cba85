"""Measure a trained network on a test split, calibrate it, and write metrics.json, curves and the report."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from avsync import clock
from avsync.alignment.chance import Chance
from avsync.alignment.distances import distance_matrix
from avsync.alignment.offset import Estimate, estimate
from avsync.data.shards import Clip, ShardError, read_clips
from avsync.data.speech import speech_near, speech_share
from avsync.evaluation.calibration import Bin, answers, expected_error, fit_chance, reliability
from avsync.evaluation.protocols import (
    FRAMES,
    SEARCH,
    OffsetScores,
    best_threshold,
    pair_accuracy,
    pair_distances,
)
from avsync.evaluation.report import write_report
from avsync.media.atomic import whole_file
from avsync.models.checkpoints import calibrate, load_syncnet
from avsync.models.syncnet import SyncNet

MAX_SHIFT = 10
"""Frames by which test clips are shifted at most: within the search range, with room for an answer beside it."""


@dataclass(frozen=True)
class Measured:
    """One clip of a split, shifted by a known number of frames and measured.

    Attributes:
        key: Of the clip.
        true: Frames by which its sound was shifted, positive: early.
        distances: (N, 31).
        speech: (N,) share of each window's frames that are not silent.
        video: (N, D) embeddings, as they are compared.
        audio: (A, D) the same of the shifted sound.
    """

    key: str
    true: int
    distances: Tensor
    speech: Tensor
    video: Tensor
    audio: Tensor

    def estimate(self) -> Estimate | None:
        """What the whole clip says."""
        return estimate(self.distances, speech_near(self.speech, SEARCH))


@torch.inference_mode()
def measure_clip(net: SyncNet, clip: Clip, shift: int) -> Measured:
    """Shift a clip's sound by ``shift`` frames and compare it with the picture.

    The sound is cut, not padded: where the shifted sound has ended there is nothing to compare.

    Args:
        net: Two-tower network.
        clip: Picture and sound of the same interval.
        shift: Frames; positive makes the sound early.
    """
    device = next(net.parameters()).device
    samples = abs(shift) * clock.SAMPLES_PER_FRAME
    sound = clip.audio[samples:] if shift >= 0 else clip.audio[: len(clip.audio) - samples]
    start = min(shift, 0)  # the late sound begins |shift| frames into the picture
    video = net.centred(net.embed_video(torch.from_numpy(clip.frames)[None].to(device)))[0].cpu()
    audio = net.centred(net.embed_audio(torch.from_numpy(sound)[None].to(device)))[0].cpu()
    distances = distance_matrix(video, audio, SEARCH, start)
    speech = speech_share(torch.from_numpy(clip.audio))
    return Measured(clip.key, shift, distances, speech, video, audio)


def shift_of(key: str, seed: int) -> int:
    """The shift of a clip, a function of its key: every model is measured on the same ones."""
    return random.Random(f"{seed}/{key}").randint(-MAX_SHIFT, MAX_SHIFT)


class OffsetEvaluation:
    """Offset accuracy and binary pairs on the test split; see :mod:`avsync.evaluation.protocols`.

    Args:
        seed: Of the shifts and of the shifted pairs.
        progress: Show a bar and print the table.
    """

    needs_checkpoint = True

    def __init__(self, seed: int = 0, progress: bool = True):
        self.seed, self.progress = seed, progress

    def __call__(self, checkpoint: Path, val: Path, test: Path, run: Path) -> dict[str, float]:
        """Evaluate ``checkpoint`` and fill the run folder.

        Args:
            checkpoint: Evaluated, and calibrated in place.
            val: Folder of shards on which the threshold of pairs and the chance of being right are fitted.
            test: Folder of shards that is measured.
            run: Where metrics.json, curves.npz and report.html go.

        Returns:
            What metrics.json holds: fractions in 0...1, errors in ms.

        Raises:
            ShardError: No clip of a split is long enough; those below 0.6 s are passed over.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        net, _ = load_syncnet(checkpoint, device)
        known = self._measure(net, val, "calibrating")
        threshold = best_threshold(*self._pairs(known))
        chance = fit_chance(answers(known))
        calibrate(checkpoint, {"threshold": threshold, "chance": asdict(chance)})
        measured = self._measure(net, test, "testing")
        bins = reliability(chance, answers(measured))
        metrics = {f"test/{name}": value for name, value in self._metrics(measured, threshold, chance, bins).items()}
        save_curves(measured, run / "curves.npz")
        write_report(run, metrics, measured, bins)
        with whole_file(run / "metrics.json") as partial:  # the last one written: the run is complete
            partial.write_text(json.dumps(metrics, indent=1) + "\n")
        if self.progress:
            print_table(metrics, run)
        return metrics

    def _measure(self, net: SyncNet, folder: Path, what: str) -> list[Measured]:
        clips = track(read_clips(folder), what, disable=not self.progress, transient=True)
        long = (clip for clip in clips if len(clip.frames) >= clock.WINDOW_FRAMES + MAX_SHIFT)
        measured = [measure_clip(net, clip, shift_of(clip.key, self.seed)) for clip in long]
        if all(clip.distances.isnan().any(dim=1).all() for clip in measured):
            needed = clock.seconds(clock.WINDOW_FRAMES + 2 * SEARCH + MAX_SHIFT)
            raise ShardError(
                f"{folder}: no clip is long enough to search ±{SEARCH} frames; prepare some of at least {needed} s"
            )
        return measured

    def _pairs(self, measured: list[Measured]) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        pairs = [pair_distances(clip.distances, clip.true, generator) for clip in measured]
        return torch.cat([synced for synced, _ in pairs]), torch.cat([shifted for _, shifted in pairs])

    def _metrics(self, measured: list[Measured], threshold: float, chance: Chance, bins: list[Bin]) -> dict[str, float]:
        scores = OffsetScores()
        for clip in measured:
            scores.add(clip.distances, clip.speech, clip.true)
        metrics = scores.compute()
        metrics["pair_acc"] = pair_accuracy(*self._pairs(measured), threshold)
        metrics["clips"] = len(measured)
        metrics["calibration/ece"] = expected_error(bins)
        whole = [(clip, found) for clip in measured if (found := clip.estimate()) is not None]
        errors = np.array([abs(found.offset - clock.seconds(clip.true)) * 1000 for clip, found in whole])
        if len(errors):
            metrics["clip/offset_mae_ms"] = float(errors.mean())
            metrics["clip/offset_acc"] = float(np.mean([abs(f.frames - c.true) <= 1 for c, f in whole]))
            metrics["clip/chance"] = float(np.mean([chance(found) for _, found in whole]))
        return metrics


def save_curves(measured: list[Measured], path: Path) -> None:
    """Distance matrices by clip, for notebooks: ``KEY`` (N, 31) float16 and ``KEY:true`` the frames shifted."""
    arrays: dict[str, Any] = {}
    for clip in measured:
        arrays[clip.key] = clip.distances.numpy().astype(np.float16)
        arrays[f"{clip.key}:true"] = np.array(clip.true)
        arrays[f"{clip.key}:speech"] = clip.speech.numpy().astype(np.float16)
    with whole_file(path) as partial:
        np.savez_compressed(partial, **arrays)


def print_table(metrics: dict[str, float], run: Path) -> None:
    """The table that a run ends with."""
    table = Table(title="Offset within ±1 frame, search ±15 (chance 0.097)")
    for heading in ("frames", "speech", "all", "error, speech", "error, all"):
        table.add_column(heading, justify="right")
    for k in FRAMES:
        row = [metrics.get(f"test/offset_acc{part}/k{k}", float("nan")) for part in ("", "_all")]
        errors = [metrics.get(f"test/offset_mae_ms{part}/k{k}", float("nan")) for part in ("", "_all")]
        table.add_row(str(k), *(f"{value:.3f}" for value in row), *(f"{value:.0f} ms" for value in errors))
    console = Console()
    console.print(table)
    console.print(f"binary pairs (chance 0.5): {metrics['test/pair_acc']:.3f}")
    console.print(f"stated chance of being right, mean error: {metrics['test/calibration/ece']:.3f}")
    console.print(f"report: {run / 'report.html'}")
