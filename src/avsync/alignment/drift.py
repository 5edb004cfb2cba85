"""The offset of a file as a function of time, in memory that does not grow with the pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.chance import MIN_CHANCE, Chance
from avsync.alignment.clocks import known_cause
from avsync.alignment.compare import compare_embedded
from avsync.alignment.embedded import Seen, embed_pieces
from avsync.alignment.explain import UNCALIBRATED, Model, Points, agreement, explain
from avsync.alignment.offset import Estimate, estimate
from avsync.alignment.path import Run, runs, shifted
from avsync.alignment.pieces import no_face, require_window
from avsync.media.sound import Sound
from avsync.models.syncnet import SyncNet

SEARCH = 25
"""Frames of 40 ms to either side of where the offset was last."""

_BEHIND = 60.0
"""Seconds of sound that are kept: faces of one time come one after another."""

_AGREES = 0.040


@dataclass(frozen=True)
class Drift:
    """The offset over time.

    Attributes:
        file: As given.
        model: What explains the runs; see :class:`~avsync.alignment.explain.Model`.
        runs: What each few seconds of each face say, by time.
        pooled: All runs that agree with the model, moved by it, as one estimate of what is left; None without any.
        chance: That the model is right within ±1 frame where it was measured; None without calibration.
        min_chance: Answers less likely right are undecided.
        min_confidence: So are answers of less confidence.
        cuts: Seconds at which tracks begin.
    """

    file: str
    model: Model
    runs: list[Run]
    pooled: Estimate | None
    chance: float | None
    min_chance: float
    min_confidence: float
    cuts: list[float]

    @property
    def kind(self) -> str:
        """``constant``, ``steps``, ``linear``, ``irregular`` or ``undecided``."""
        return "undecided" if self.why else self.model.kind

    @property
    def why(self) -> str:
        """Why there is no answer; empty when there is one."""
        if self.pooled is None:
            return "no speech that a face shows"
        if self.chance is not None and self.chance < self.min_chance:
            return f"right within a frame: {100 * self.chance:.0f} %, less than {100 * self.min_chance:.0f} %"
        if self.pooled.confidence < self.min_confidence:
            return f"confidence {self.pooled.confidence:.2f}, less than {self.min_confidence:.2f}"
        return ""

    @property
    def offset(self) -> float:
        """Seconds in the middle of what was measured, positive when the audio is early; of steps, the longest one's."""
        times = np.array([run.time for run in self.runs])
        if not len(times):
            return self.model.levels[0]
        if self.model.kind == "linear":
            return float(self.model.at(np.array([(times[0] + times[-1]) / 2]))[0])
        found = self.model.at(times)
        values, counts = np.unique(found, return_counts=True)
        return float(values[counts.argmax()])

    @property
    def ppm(self) -> float:
        """Microseconds a second by which the sound gets earlier; 0 unless the drift is linear."""
        return self.model.slope * 1e6 if self.model.kind == "linear" else 0.0

    @property
    def ppm_error(self) -> float | None:
        """Standard deviation of it; None unless the drift is linear."""
        return self.model.slope_error * 1e6 if self.model.kind == "linear" else None

    @property
    def cause(self) -> str | None:
        """The known mismatch of clocks that drifts like this, if any does within three standard deviations and 5 %."""
        return known_cause(self.ppm, self.ppm_error or 0.0) if self.model.kind == "linear" else None

    @property
    def steps(self) -> list[tuple[float, float]]:
        """(time, offset) from each time on, s; the first from 0."""
        starts = [0.0, *self.model.starts[1:]]
        return list(zip(starts, self.model.levels, strict=True)) if self.model.kind != "linear" else []


def drift(
    path: str | Path,
    net: SyncNet,
    calibration: dict[str, Any] | None = None,
    *,
    crop: str = "face",
    search: int = SEARCH,
    min_chance: float = MIN_CHANCE,
    min_confidence: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> Drift:
    """Follow the offset through a file and find the simplest model that explains it.

    Args:
        path: A video with a face and sound.
        net: Two-tower network in evaluation mode.
        calibration: What came with it.
        crop: ``face``, or ``none`` when the picture already is a face crop.
        search: Frames to either side of the offset that was last found; 0 at first.
        min_chance: See :class:`Drift`.
        min_confidence: The same.
        progress: Called with the share of the file that is done, 0...1.

    Raises:
        MediaError: The file cannot be read, lacks picture or sound, or is shorter than a window.
        NoFaceError: No face was followed for as long as a window.
    """
    require_window(path)
    faces = embed_pieces(path, net, crop, progress, shots=True)
    return follow(path, faces, net, calibration, search=search, min_chance=min_chance, min_confidence=min_confidence)


def follow(
    path: str | Path,
    faces: Iterable[Seen],
    net: SyncNet,
    calibration: dict[str, Any] | None = None,
    *,
    search: int = SEARCH,
    min_chance: float = MIN_CHANCE,
    min_confidence: float = 0.0,
) -> Drift:
    """The same for faces that were embedded before: the pictures do not change when the sound is moved."""
    chance, centre, sound = Chance.of(calibration), 0, Sound(path)
    found: list[Run] = []
    begins: dict[int, float] = {}
    for face in faces:
        begins.setdefault(face.track, face.start)
        distances, weight = _compared(face, sound, net, search, centre)
        new = list(runs(face.track, face.start, distances, weight, centre, chance))
        centre = _recentred(new, centre, search)
        found += new
    if not begins:
        raise no_face(path)
    found.sort(key=lambda run: run.time)
    cuts = sorted(begins.values())
    if not found:
        return Drift(
            str(path), Model("constant", (-math.inf,), (0.0,)), [], None, None, min_chance, min_confidence, cuts
        )
    drawn = points(found, search)
    model = explain(drawn, cuts)
    pooled = _pooled(found, model)
    # what disagrees makes the rest less likely
    likely = chance(pooled) * agreement(drawn, model) if chance and pooled else None
    whole = _still(found) if model.kind == "constant" else None
    if whole is not None and chance is not None and chance(whole) > (likely or 0.0):
        # runs that each say little say more together, as when nothing moves they may
        model = replace(model, levels=(whole.offset,))
        pooled, likely = replace(whole, offset=0.0), chance(whole)
    return Drift(str(path), model, found, pooled, likely, min_chance, min_confidence, cuts)


def points(found: list[Run], search: int = SEARCH) -> Points:
    """Runs as the models take them."""
    return Points(
        np.array([run.time for run in found]),
        np.array([run.offset for run in found]),
        np.array([UNCALIBRATED if run.chance is None else run.chance for run in found]),
        clock.seconds(2 * search + 1),
    )


def _compared(face: Seen, sound: Sound, net: SyncNet, search: int, centre: int) -> tuple[Tensor, Tensor]:
    """Distances (N, 2 search + 1) around ``centre`` and what each window has to say (N,)."""
    first, last = face.first, face.end + clock.WINDOW_FRAMES - 1
    begin = max(0, first - centre - search)
    heard = sound.cut(begin * clock.SAMPLES_PER_FRAME, (last - centre + search) * clock.SAMPLES_PER_FRAME)
    sound.forget((last - centre - search) * clock.SAMPLES_PER_FRAME - clock.samples(_BEHIND))
    compared = compare_embedded(replace(face, start=clock.seconds(first - centre)), heard, begin, net, search)
    return compared.distances, compared.weight


def _recentred(new: list[Run], centre: int, search: int) -> int:
    """Where to look next: the last sure offset, once it is nearer to the end of the range than to its middle."""
    sure = [run for run in new if (UNCALIBRATED if run.chance is None else run.chance) >= UNCALIBRATED]
    if not sure:
        return centre
    last = clock.frames(sure[-1].offset)
    return last if abs(last - centre) > search // 2 else centre


def _pooled(found: list[Run], model: Model) -> Estimate | None:
    """Runs that agree with the model as one: their curves, moved by it."""
    expected = model.at(np.array([run.time for run in found]))
    agree = [(run, at) for run, at in zip(found, expected, strict=True) if abs(run.offset - at) <= _AGREES]
    if not agree:
        return None
    by = np.array([clock.frames(at) - run.base for run, at in agree])
    curves = shifted(torch.stack([run.found.curve for run, _ in agree]), by)
    weight = torch.tensor([run.found.windows for run, _ in agree])
    whole = estimate(curves, weight)
    if whole is None:
        return None
    rounded = np.average([clock.seconds(clock.frames(at)) - at for _, at in agree], weights=weight.numpy())
    return replace(whole, offset=whole.offset + float(rounded), windows=float(weight.sum()))


def _still(found: list[Run]) -> Estimate | None:
    """All runs as one, if the offset is the same throughout; around where most of them were looked for."""
    centre = int(np.median([run.centre for run in found]))
    by = np.array([centre - run.centre for run in found])
    curves = shifted(torch.stack([run.still for run in found]), by)
    weight = torch.tensor([run.found.windows for run in found])
    whole = estimate(curves, weight)
    if whole is None:
        return None
    return replace(whole, offset=whole.offset + clock.seconds(centre), windows=float(weight.sum()))
