"""The running offset of a live source: what the last seconds say, again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from avsync import clock
from avsync.alignment.chance import MIN_CHANCE, Chance, likelihood
from avsync.alignment.compare import compare_embedded
from avsync.alignment.embedded import Seen, embed_piece, joined
from avsync.alignment.measure import SEARCH, FileResult, TrackResult
from avsync.alignment.offset import estimate
from avsync.alignment.pieces import LOOK_EVERY, Piece, resized, whole
from avsync.alignment.shown import Shown
from avsync.media.live import LiveSource, Segment
from avsync.models.syncnet import SyncNet

PIECE = 15
"""Frames of a face that are embedded at once: the delay of an answer, against windows that are embedded twice."""

MOST_BEHIND = 5.0
"""Seconds that the answers may come late before pictures are dropped to catch up."""

CAUGHT_UP = 0.5


@dataclass(frozen=True)
class Reading:
    """What the last seconds of a source say.

    Attributes:
        time: Seconds of picture since the source was opened.
        tracks: Faces of the last seconds; none when there was no face.
        min_chance: Answers less likely right are undecided.
        behind: Seconds that the answer comes later than it could, because this machine is too slow.
        dropped: Seconds of picture that were not looked at for that reason, since the reading before.
        segment: How many times the timestamps of the source have leapt so far.
    """

    time: float
    tracks: list[TrackResult]
    min_chance: float
    behind: float
    dropped: float
    segment: int

    @property
    def best(self) -> TrackResult | None:
        """The face that is likeliest right."""
        return FileResult("", self.tracks, self.min_chance).best if self.tracks else None

    @property
    def verdict(self) -> str:
        """As :attr:`avsync.alignment.measure.FileResult.verdict`; ``no face`` when there was none."""
        return FileResult("", self.tracks, self.min_chance).verdict if self.tracks else "no face"


@dataclass(frozen=True)
class Watching:
    """How a source is watched.

    Args:
        crop: ``face``, or ``none`` when the picture already is a face crop.
        window: Seconds that an answer is made of.
        every: Seconds of picture from one answer to the next.
        search: Largest offset tried, in frames; late sound has to come within the window, and is found up to two thirds
            of it.
        min_chance: See :class:`Reading`.
        patience: See :class:`avsync.media.live.LiveSource`.
    """

    crop: str = "face"
    window: float = 10.0
    every: float = 1.0
    search: int = SEARCH
    min_chance: float = MIN_CHANCE
    patience: float = 30.0


def watch(
    source: str, net: SyncNet, calibration: dict[str, Any] | None = None, how: Watching | None = None
) -> Iterator[Reading]:
    """Readings until the source ends. Memory does not grow; a leap of the timestamps begins anew.

    Args:
        source: ``-``, a pipe, a file or a URL.
        net: As for :func:`avsync.alignment.measure.measure`.
        calibration: The same.
        how: Settings.

    Raises:
        MediaError: It cannot be opened, lacks picture or sound, or broke off.
    """
    how = how or Watching()
    step = max(1, clock.frames(how.every))
    with LiveSource(source, how.patience) as live:
        pace = _Pace()
        for number, segment in enumerate(live.segments()):
            last = _Last(net, Chance.of(calibration), how)
            next_k = k = None
            for k, pieces in _pieces(segment, net, how.crop, pace):
                for piece in pieces:
                    last.add(piece)
                next_k = segment.first + step if next_k is None else next_k
                if k + 1 >= next_k:
                    yield pace.reading(segment, k, last, number)
                    next_k = k + 1 + step
            if k is not None and next_k is not None:
                if k + 1 > next_k - step:  # the rest
                    yield pace.reading(segment, k, last, number)
                pace.elapsed += clock.seconds(k + 1 - segment.first)


class _Pace:
    """The source's seconds beside the wall's."""

    def __init__(self) -> None:
        self.elapsed = self.dropped = 0.0
        self._start: float | None = None

    def behind(self, segment: Segment, k: int) -> float:
        """Seconds that we are late by the wall and that wait to be looked at: either alone is the source's own pace."""
        now = time.monotonic()
        seconds = self.elapsed + clock.seconds(k - segment.first)
        self._start = now - seconds if self._start is None else self._start
        return max(0.0, min(now - self._start - seconds, segment.waiting(k)))

    def reading(self, segment: Segment, k: int, last: _Last, number: int) -> Reading:
        at = self.elapsed + clock.seconds(k + 1 - segment.first)
        dropped, self.dropped = self.dropped, 0.0
        return Reading(at, last.results(k, segment), last.how.min_chance, self.behind(segment, k), dropped, number)


def _pieces(segment: Segment, net: SyncNet, crop: str, pace: _Pace) -> Iterator[tuple[int, list[Piece]]]:
    """Picture by picture the pieces of faces that end there; pictures are dropped when too many wait."""
    follow = _whole if crop == "none" else _faces
    first = latest = 0
    while not segment.ended:
        newest = first
        for k, pieces in follow(segment, net.face_size):
            newest = max([newest, *(first + piece.track + 1 for piece in pieces)])
            latest = max(latest, k)  # who saw no picture before a leap says 0
            yield latest, [replace(piece, track=first + piece.track) for piece in pieces]
            if pace.behind(segment, k) > MOST_BEHIND:
                pace.dropped += segment.skip(CAUGHT_UP)
                break
        first = newest


def _faces(segment: Segment, size: int) -> Iterator[tuple[int, list[Piece]]]:
    from avsync.faces.follow import follow_each  # mediapipe takes seconds to import

    pictures, longest = segment.pictures(), clock.seconds(PIECE)
    shortest, shown = clock.seconds(clock.WINDOW_FRAMES), Shown()
    for k, faces in follow_each(pictures, size=size, min_seconds=shortest, max_seconds=longest, every=LOOK_EVERY):
        shows = [shown(face.frames, face.landmarks, face.track) for face in faces]
        yield k, [Piece(face.track, face.start, face.frames, shown=one) for face, one in zip(faces, shows, strict=True)]


def _whole(segment: Segment, size: int) -> Iterator[tuple[int, list[Piece]]]:
    held: list[np.ndarray] = []
    k, shown = 0, Shown()
    for k, picture in segment.pictures():
        held.append(resized(picture, size))
        full = len(held) == PIECE
        yield k, [whole(0, k + 1 - len(held), held, shown)] if full else []
        held = [] if full else held
    yield k, [whole(0, k + 1 - len(held), held, shown)] if held else []


class _Last:
    """The last seconds of every face, embedded."""

    def __init__(self, net: SyncNet, chance: Chance | None, how: Watching) -> None:
        self.how = how
        self._net, self._chance = net, chance
        self._frames = max(clock.WINDOW_FRAMES, clock.frames(how.window))
        self._tails: dict[int, Piece] = {}
        self._seen: dict[int, Seen] = {}

    def add(self, piece: Piece) -> None:
        """Take frames that follow those of the same face."""
        before = self._tails.get(piece.track)
        if before is not None and clock.frames(before.start) + len(before.frames) != clock.frames(piece.start):
            self._seen.pop(piece.track, None)
            before = None
        piece = piece.after(before)
        self._tails[piece.track] = piece.tail()
        if len(piece.frames) >= clock.WINDOW_FRAMES:
            new, old = embed_piece(piece, self._net), self._seen.get(piece.track)
            self._seen[piece.track] = new if old is None else joined([old, new])

    def results(self, k: int, segment: Segment) -> list[TrackResult]:
        """What the seconds up to picture ``k`` say; what is older is forgotten."""
        oldest = k + 1 - self._frames
        for track, seen in list(self._seen.items()):
            self._seen[track] = kept = seen.since(oldest)
            if not len(kept.video):
                del self._seen[track], self._tails[track]
        begin = max(0, oldest - self.how.search)
        segment.sound.forget(begin * clock.SAMPLES_PER_FRAME)
        heard = segment.sound.cut(begin * clock.SAMPLES_PER_FRAME)
        return [self._result(seen, heard, begin) for seen in self._seen.values()]

    def _result(self, seen: Seen, heard: np.ndarray, begin: int) -> TrackResult:
        compared = compare_embedded(seen, heard, begin, self._net, self.how.search)
        found = estimate(compared.distances, compared.weight)
        likely = likelihood(found, self._chance)
        return TrackResult(seen.track, compared.start, compared.end, found, likely, [])
