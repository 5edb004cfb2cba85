"""Does the codec tell time? One stream alone predicts when a crop of it starts; above chance, it does.

A network that reads the time of a picture and the time of a sound out of compression artefacts needs neither lips nor
speech to align them (SparseSync, arXiv 2210.07055, section on artefacts). What a codec does on a schedule it does at
the same moments of every clip, and content does not; so the probe is a matched filter instead of a network:

    statistics in which codecs show, content does not ─► their mean over clips at every start: what is on schedule
    a crop ─► the start whose schedule it fits best

Picture: shares of pixels that changed little and of small residuals, edges on the 8-pixel grid; a key frame changes
every pixel. Sound: a transform coder leaves holes in its own transform at its own blocks, so the mean of log |MDCT| is
low where the blocks of the probe meet those of the coder, and the place within the block tells the start.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor
from torchaudio.functional import resample

from avsync import clock
from avsync.data.shards import ShardError, read_clips
from avsync.media.atomic import whole_file

BLOCK = 1024
"""Samples in a block of AAC."""
RATES = (16_000, 44_100, 48_000)
BANDS = 4
SIGNIFICANT = 3.0
"""Standard errors: a mean over the training clips below this is no schedule."""


class CodecLeakEvaluation:
    """Accuracy of the start of a crop, told from the picture alone and from the sound alone.

    Args:
        train: Folder of shards on which the probes are fitted.
        starts: Classes: a crop starts at one of so many frames in a row; chance is 1 / starts.
        skip: Seconds before the first of them; recordings begin with silence, which tells time too.
        crop: Seconds in a crop.
        most: Training clips that are used; the sound of one takes a second.
        rates: Hz at which the sound may have been coded.
        progress: Show a bar and print the table.
    """

    needs_checkpoint = False

    def __init__(  # noqa: PLR0913  each a line of configs/evaluation/codec_leak.yaml
        self,
        train: str | Path,
        starts: int = 50,
        skip: float = 0.5,
        crop: float = 1.5,
        most: int = 300,
        rates: Sequence[int] = RATES,
        progress: bool = True,
    ):
        self.train, self.most, self.rates, self.progress = Path(train), most, rates, progress
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
        found: dict[str, list[Tensor]] = {"video": [], "audio": []}
        for clip in track(read_clips(folder), what, disable=not self.progress, transient=True):
            if len(clip.frames) >= needed and len(found["video"]) < self.most:
                audio = clip.audio[self.first * clock.SAMPLES_PER_FRAME : needed * clock.SAMPLES_PER_FRAME]
                found["video"].append(picture_crops(clip.frames[self.first : needed], self.starts))
                found["audio"].append(sound_crops(audio, self.starts, self.rates))
        if len(found["video"]) < 8:
            raise ShardError(
                f"{folder} has {len(found['video'])} clips of {clock.seconds(needed)} s or more, the probe needs 8; "
                "give more clips, or lower evaluation.starts or evaluation.crop"
            )
        return {stream: torch.stack(crops) for stream, crops in found.items()}


def picture_crops(frames: np.ndarray, starts: int) -> Tensor:
    """Statistics of every crop of a picture, pixel by pixel at the resolution it has.

    Args:
        frames: (T, H, W, 3) uint8; a crop lasts T - starts + 1 frames.
        starts: K.

    Returns:
        (K, D); every statistic minus what it is one frame before and after.
    """
    grey = torch.from_numpy(frames[..., 1].copy()).float()  # (T, H, W): green is most of the luma
    change = (grey[1:] - grey[:-1]).abs()
    smooth = F.avg_pool2d(grey[1:, None], 3, 1, 1, count_include_pad=False)[:, 0]
    residual = (grey[1:] - smooth).abs()
    statistics = [(change <= level).float().mean((1, 2)) for level in (0, 1, 2, 4, 8)]
    statistics += [(residual <= level).float().mean((1, 2)) for level in (0.5, 1, 2, 4, 8)]
    for picture in (grey[1:], grey[1:].transpose(1, 2)):
        edges = (picture[:, :, 1:] - picture[:, :, :-1]).abs().mean(1)
        statistics.append(edges[:, 7::8].mean(1) - edges.mean(1))
    series = torch.stack(statistics)  # (12, T - 1)
    sharp = series[:, 1:-1] - (series[:, :-2] + series[:, 2:]) / 2
    return sharp.unfold(1, sharp.shape[1] - starts + 1, 1).transpose(0, 1).flatten(1)


def sound_crops(audio: np.ndarray, starts: int, rates: Sequence[int] = RATES) -> Tensor:
    """Holes in the spectrum of every crop of a sound, by where blocks may begin.

    Args:
        audio: (640 T,) at 16 kHz; a crop lasts T - starts + 1 frames.
        starts: K.
        rates: Hz of the coders that are looked for.

    Returns:
        (K, D); for every rate and band, log |MDCT| averaged over a crop's blocks minus what it is beside.
    """
    length = len(audio) // clock.SAMPLES_PER_FRAME - starts + 1
    found = []
    for rate in rates:
        frame = rate // clock.FPS
        hop = math.gcd(frame, BLOCK)  # of one start's blocks and another's, the least distance
        waveform = resample(torch.from_numpy(audio), clock.SAMPLE_RATE, rate)
        holes = log_mdct(waveform, hop, BLOCK * clock.SAMPLE_RATE // rate)  # (positions, BANDS)
        phases, step = BLOCK // hop, frame // hop
        blocks = ((length * frame - 2 * BLOCK) // hop + 1) // phases
        crops = [holes[s * step :][: blocks * phases].unflatten(0, (blocks, phases)) for s in range(starts)]
        profile = torch.stack(crops).mean(1)  # (K, phases, BANDS)
        beside = (profile.roll(1, 1) + profile.roll(-1, 1)) / 2
        found.append((profile - beside).flatten(1))
    return torch.cat(found, dim=1)


def log_mdct(waveform: Tensor, hop: int, bins: int) -> Tensor:
    """(positions, BANDS) mean log |MDCT| of the block of 2 x 1024 samples that begins every ``hop`` samples.

    By folding and a DCT-IV, which is a complex FFT of a quarter of the length.
    """
    window = torch.sin(math.pi / (2 * BLOCK) * (torch.arange(2 * BLOCK) + 0.5))
    turn = torch.exp(-1j * math.pi / BLOCK * (torch.arange(BLOCK // 2) + 0.25))
    bands = []
    for pieces in waveform.unfold(0, 2 * BLOCK, hop).split(512):
        a, b, c, d = (pieces * window).chunk(4, 1)
        folded = torch.cat([-c.flip(1) - d, a - b.flip(1)], 1)
        spectrum = torch.fft.fft(torch.complex(folded[:, ::2], folded.flip(1)[:, ::2]) * turn) * turn
        ordered = torch.stack([spectrum.real, spectrum.imag.flip(1)], 2).flatten(1)  # 0, 1, 2, ... by frequency
        holes = (ordered[:, :bins].abs() + 1e-4).log()
        bands.append(torch.stack([band.mean(1) for band in holes.chunk(BANDS, 1)], 1))
    return torch.cat(bands)


def matched(known: Tensor, asked: Tensor) -> Tensor:
    """The start that every crop fits best.

    Args:
        known: (N, K, D) crops of N training clips from K starts.
        asked: (M, K, D) crops to be told apart.

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
    told = {name.rsplit("/", 1)[1]: value for name, value in metrics.items()}
    table = Table(title=f"Start of a crop from one stream (chance {told['chance']:.3f}, {told['clips']} clips)")
    for heading in ("stream", "accuracy", "± over clips", "verdict"):
        table.add_column(heading)
    for stream in ("video", "audio"):
        verdict = "leaks the time" if leaks(metrics, stream) else "at chance"
        table.add_row(stream, f"{told[stream + '_acc']:.3f}", f"{told[stream + '_se']:.3f}", verdict)
    Console().print(table)
