"""How good a video's synchronization is, in numbers that can be compared: generated lips, dubbing, a whole archive.

Everything but LSE is told of segments of a second of the file's clock, each with the offset of the face that is surest
there. Segments of which less than half is speech do not count, the others weigh by their speech:

- **score**: the expected share of speech that is in sync. A segment counts with its calibrated chance (that its answer
  is within ±1 frame of the truth) where the answer is within ±1 frame of 0, else not. 0...1; None without calibration.
- **aligned**: the share of speech in segments whose answer is within ±1 frame of 0, sure or not. Chance is 3 in 31.
- **within**: the share of decided speech inside limits of human perception.

What a face does not show (a photograph, a head in profile) weighs nothing. LSE-C and LSE-D are SyncNet's confidence and
distance by its released code's rules, see :mod:`avsync.evaluation.lse`; they compare only between the same weights and
the same crops: avsync's own faces are not cropped as the released pipeline's are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avsync import clock
from avsync.alignment.chance import MIN_CHANCE, Chance, decided, likelihood
from avsync.alignment.distances import distance_matrix
from avsync.alignment.embedded import Seen, embed_faces, embed_sound
from avsync.alignment.measure import EBU_R37
from avsync.alignment.offset import Estimate, estimate
from avsync.data.pairs import TOLERANCE
from avsync.data.speech import speech_near
from avsync.errors import AvsyncError, MediaError
from avsync.evaluation.lse import Lse, lse_of_embeddings
from avsync.evaluation.protocols import SEARCH, SPEECH_SHARE
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.sound import Sound
from avsync.models.checkpoints import build, fingerprint
from avsync.models.imports import SYNCNET_V2
from avsync.models.syncnet import SyncNet
from avsync.version import own_version

LIMITS = {
    "bt1359_detectability": (-0.125, 0.045),
    "bt1359_acceptability": (-0.185, 0.090),
    "ebu_r37": EBU_R37,
}
"""Seconds by which the sound may lag (below 0) and lead (above), in ITU-R BT.1359-1 and EBU R37-2007."""

LEAST = 0.5
"""Share of a segment that a face must be followed for, and show speaking."""

HOW_TO_LSE = "for LSE-C and LSE-D: avsync import syncnet_v2.model V2.ckpt, then --lse V2.ckpt (or --checkpoint V2.ckpt)"


@dataclass(frozen=True)
class Segment:
    """A second of the file.

    Attributes:
        time: Its middle, seconds on the file's clock.
        found: Offset and confidence of the face that is surest.
        speech: Share of speech in the sound that belongs to it, 0.5...1.
        chance: That the offset is within ±1 frame of the truth, 0...1; None without calibration.
    """

    time: float
    found: Estimate
    speech: float
    chance: float | None

    @property
    def aligned(self) -> bool:
        """Whether the answer is within ±1 frame of 0."""
        return abs(self.found.frames) <= TOLERANCE

    @property
    def score(self) -> float | None:
        """Its part in the file's score, 0...1."""
        return None if self.chance is None else self.chance * self.aligned


@dataclass(frozen=True)
class Score:
    """A scored file.

    Attributes:
        file: As given.
        segments: In order; a second without speech that a face shows has none.
        lse: LSE of every face of at least six frames, longest first; None without the released network.
        settings: What makes the numbers comparable.
        min_chance: Segments less likely right are undecided.
    """

    file: str
    segments: list[Segment]
    lse: list[Lse] | None
    settings: dict[str, Any]
    min_chance: float = MIN_CHANCE

    @property
    def score(self) -> float | None:
        """Expected share of the speech that is in sync, 0...1; None without speech or calibration."""
        values = [segment.score for segment in self.segments]
        return _share(self.segments, [value for value in values if value is not None])

    @property
    def aligned(self) -> float | None:
        """Share of the speech whose answer is within ±1 frame of 0; None without any."""
        return _share(self.segments, [float(segment.aligned) for segment in self.segments])

    @property
    def decided(self) -> list[Segment]:
        """Segments likely enough right; without calibration all of them."""
        return [one for one in self.segments if decided(one.chance, self.min_chance)]

    @property
    def within(self) -> dict[str, float | None]:
        """Share of the decided speech within each of :data:`LIMITS`; None where nothing is decided."""
        kept = self.decided
        return {
            name: _share(kept, [float(low <= one.found.offset <= high) for one in kept])
            for name, (low, high) in LIMITS.items()
        }


def _share(segments: list[Segment], values: list[float]) -> float | None:
    """Mean of the segments' values, weighed by their speech."""
    if not values:
        return None
    return float(np.average(values, weights=[segment.speech for segment in segments]))


def score_file(  # noqa: PLR0913  what makes scores comparable is said in one call
    path: str | Path,
    net: SyncNet,
    calibration: dict[str, Any] | None = None,
    *,
    network: str = "",
    lse: tuple[SyncNet, str] | None = None,
    crop: str = "face",
    segment: float = 1.0,
    min_chance: float = MIN_CHANCE,
    progress: Callable[[float], None] | None = None,
) -> Score:
    """Score a file.

    Args:
        path: A video with a face and sound.
        net: Two-tower network in evaluation mode.
        calibration: What :func:`avsync.models.checkpoints.load` gave with it.
        network: What it is called.
        lse: The released network for LSE, and what it is called; needless when ``net`` is that already.
        crop: ``face`` to find, follow and crop faces; ``none`` when the picture already is a face crop.
        segment: Seconds.
        min_chance: See :class:`Score`.
        progress: Called with the share of the file that is done, 0...1.

    Raises:
        MediaError: The file cannot be read, lacks picture or sound, or ``segment`` is shorter than two windows.
        NoFaceError: No face was followed for as long as a window.
        AvsyncError: ``lse`` is another network than the released one: its numbers would not be LSE.
    """
    require_picture_and_sound(probe(path))
    if segment < 0.4:
        raise MediaError(f"segments of {segment} s were asked for; give at least 0.4")
    if lse is None and is_released(net):
        lse = (net, network)
    elif lse is not None and not is_released(lse[0]):
        raise AvsyncError(
            f"{lse[1]} is not SyncNet's released network, LSE of another compares with nobody's; {HOW_TO_LSE}"
        )
    sound, speech = embed_sound(path, net, torch.float32)
    told = progress or (lambda share: None)
    parts = 1 if lse is None else 2 if lse[0] is net else 3
    faces = embed_faces(path, net, crop=crop, dtype=torch.float32, progress=lambda done: told(done / parts))
    chance = Chance.of(calibration)
    compared = [replace(face, video=net.centred(face.video, face.shown)) for face in faces]
    measured = segments(compared, net.centred(sound), speech, clock.frames(segment), chance)
    scored = None
    if lse is not None:
        seen = faces
        if lse[0] is not net:
            seen = embed_faces(
                path, lse[0], crop=crop, dtype=torch.float32, progress=lambda done: told((1 + done) / parts)
            )
        scored = lse_of_faces(path, lse[0], seen, lambda done: told((parts - 1 + done) / parts))
    settings = {"crop": crop, "segment_seconds": segment, "min_chance": min_chance}
    settings |= _told_of((net, network), chance) | _told_of_lse(lse, crop)
    return Score(str(path), measured, scored, settings, min_chance)


def _told_of(own: tuple[SyncNet, str], chance: Chance | None) -> dict[str, Any]:
    """What numbers depend on beside what was asked for."""
    return {
        "avsync": own_version(),
        "network": own[1],
        "weights": fingerprint(own[0]),
        "calibration": None if chance is None else asdict(chance),
        "fps": clock.FPS,
        "sample_rate": clock.SAMPLE_RATE,
        "search_frames": SEARCH,
        "tolerance_frames": TOLERANCE,
    }


def _told_of_lse(lse: tuple[SyncNet, str] | None, crop: str) -> dict[str, Any]:
    """What LSE depends on; its crops are the released pipeline's only where such were given."""
    if lse is None:
        return dict.fromkeys(("lse_network", "lse_weights", "lse_crop"))
    return {
        "lse_network": lse[1],
        "lse_weights": fingerprint(lse[0]),
        "lse_crop": "given" if crop == "none" else "avsync",
    }


def segments(
    faces: list[Seen], sound: Tensor, speech: Tensor, frames: int, chance: Chance | None = None
) -> list[Segment]:
    """The segments of a file, each with the answer of its surest face.

    Args:
        faces: Embedded, as the sound, as they are compared.
        sound: (A, D), the same.
        speech: (A,) 0...1.
        frames: Length of a segment.
        chance: The network's calibration.
    """
    windows = frames - clock.WINDOW_FRAMES + 1
    best: dict[int, Segment] = {}
    near = speech_near(speech, SEARCH)
    for face in faces:
        distances = distance_matrix(face.video, sound, SEARCH, start=face.first)
        weight = face.shown * near[(torch.arange(len(face.video)) + face.first).clamp(max=len(near) - 1)]
        for number in range(face.first // frames, -(-face.end // frames)):
            first = max(0, number * frames - face.first)
            rows = slice(first, max(first, number * frames - face.first + windows))
            if face.shown[rows].sum() < LEAST * windows:
                continue
            found = estimate(distances[rows], weight[rows])
            spoken = 0.0 if found is None else _spoken(speech, face.first + first - found.frames, len(weight[rows]))
            if found is None or spoken < SPEECH_SHARE:
                continue
            if number not in best or found.confidence > best[number].found.confidence:
                sure = likelihood(found, chance)
                best[number] = Segment(clock.seconds((number + 0.5) * frames), found, spoken, sure)
    return [best[number] for number in sorted(best)]


def _spoken(speech: Tensor, first: int, count: int) -> float:
    """Share of speech in ``count`` windows from ``first`` on; beyond the sound there is none."""
    return float(speech[max(0, first) : max(0, first + count)].sum()) / count


@torch.inference_mode()
def lse_of_faces(
    path: str | Path, net: SyncNet, faces: list[Seen], progress: Callable[[float], None] = lambda share: None
) -> list[Lse]:
    """LSE of every face of six frames and more, longest first.

    Args:
        path: The file, for its sound.
        net: SyncNet's released network.
        faces: Embedded by it.
        progress: Called with the share of the faces that is done, 0...1.
    """
    device = next(net.parameters()).device
    scores: list[tuple[int, Lse]] = []
    sound = Sound(path)
    for done, face in enumerate(sorted(faces, key=lambda one: one.first)):  # as their sound comes
        progress(done / len(faces))
        frames = len(face.video) + clock.WINDOW_FRAMES - 1
        first = face.first * clock.SAMPLES_PER_FRAME
        sound.forget(first)
        heard = sound.cut(first, first + frames * clock.SAMPLES_PER_FRAME)
        length = min(frames, len(heard) // clock.SAMPLES_PER_FRAME)
        if length <= clock.WINDOW_FRAMES:
            continue
        waveform = torch.from_numpy(heard[None, : length * clock.SAMPLES_PER_FRAME]).to(device)
        windows = length - clock.WINDOW_FRAMES  # the last one is dropped, as the released code does
        voice = net.embed_audio(waveform)[0, :windows].cpu()
        scores.append((windows, lse_of_embeddings(face.video[:windows], voice)))
    return [score for _, score in sorted(scores, key=lambda one: -one[0])]


def is_released(net: SyncNet) -> bool:
    """Whether a network is built as SyncNet's released one; only weights made for it have its tensors."""
    with torch.device("meta"):  # shapes are all that is needed
        wanted = build(SYNCNET_V2.net).state_dict()
    own = net.state_dict()
    return own.keys() == wanted.keys() and all(own[name].shape == wanted[name].shape for name in wanted)
