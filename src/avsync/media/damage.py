"""What became of a file's streams while they were read, and whether that is all that the file says it holds.

FFmpeg is quiet about damage: it conceals, skips and ends early. So everything is counted while frames are decoded,
and compared in the end with what the container declares.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from av.container import InputContainer

from avsync.media.size import missing_bytes, movie_seconds

PLAIN = {"video": "picture", "audio": "sound"}

SHORT = {"video": 0.5, "audio": 0.2}
"""Seconds that a stream may end before its declared end. The picture: nobody knows how long a last frame lasts. The
sound: padding, which some writers count and others do not, at most a packet (1024 samples at 8 kHz: 0.13 s)."""

LEAST = 0.5
"""Share of what the header of a whole file claims that has to be there. Tools that trim a file without writing it anew
leave the old length in that header (6 % too much in a file of VGGSound); a share this small is a lie or a loss."""

HOLE = 0.2
"""Seconds without a frame that count as a hole. Either stream may have holes by right (a still screen, a muted
microphone); a hole in both at once is a stretch of the file that nobody could read."""

SILENT_OPUS = 0.45
"""The same for Opus, which in silence may send only one packet of 20 ms in 400 ms."""

BACK = 1.0
"""Seconds that timestamps may run back: more is a recording glued to another one."""

_LOST = 2
"""Packets in a row that give no picture: one does by right (a second field, a hidden reference picture)."""
_NO_PICTURE = 16
"""Bytes: smaller packets may only say "as before" (MPEG-4's VOP that is not coded)."""


@dataclass
class StreamAccount:
    """What was decoded of one stream; times are container time, s.

    Attributes:
        kind: ``video`` or ``audio``.
        declared: End by the container's header, None when it does not say.
        slack: Seconds that the stream may end before it.
        hole: Seconds without a frame that count as a hole.
        count: Pictures, or samples of one channel.
        first: Time of the first frame, None before there is one.
        end: End of the last frame.
        faults: How often each kind of damage was met.
        reason: The first one.
        at: The time before it; None at the very start.
        holes: Stretches (from, to) without a frame.
    """

    kind: str
    declared: float | None = None
    slack: float = 0.0
    hole: float = HOLE
    count: int = 0
    first: float | None = None
    end: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    reason: str = ""
    at: float | None = None
    holes: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._waiting: list[int] = []
        self._started = False
        self._last = self._spacing = 0.0

    def fault(self, reason: str) -> None:
        """Count one piece of damage."""
        if not self.faults:
            self.reason, self.at = reason, None if self.first is None else self.end
        self.faults[reason] += 1

    def took(self, packet: Any) -> None:
        """Note a packet before it is decoded."""
        self._started |= packet.is_keyframe
        if packet.is_corrupt and self._started:
            self.fault("a packet of which a part is missing")
        if self.kind == "video" and packet.pts is not None and not packet.is_discard and packet.size > _NO_PICTURE:
            heapq.heappush(self._waiting, packet.pts)

    def failed(self, reason: str) -> None:
        """Note a packet that did not decode; before the first key frame that is no damage."""
        if self._started:
            self.fault(reason)

    def gave(self, frame: Any) -> None:
        """Note a decoded frame."""
        samples = 1 if self.kind == "video" else frame.samples
        if self.kind == "video":
            self._seen(frame)
        if frame.is_corrupt and (self.first is not None or self.kind == "audio" or frame.key_frame):
            self.fault("frames put together from what was left")
        self.count += samples
        time = self.end if frame.time is None else float(frame.time)
        if self.first is None:
            self.first = self.end = self._last = time
        if time > self.end + self.hole:
            self.holes.append((self.end, time))
        if time < self.end - BACK:
            self.fault(f"timestamps that run back by {self.end - time:.1f} s")
        self._spacing = time - self._last
        self._last = time
        lasts = frame.duration * frame.time_base if self.kind == "video" else samples / frame.sample_rate
        self.end = max(self.end, time + float(lasts or 0))

    def _seen(self, frame: Any) -> None:
        """Compare with the packets that should have given a picture before this one."""
        lost = 0
        while self._waiting and frame.pts is not None and self._waiting[0] <= frame.pts:
            lost += heapq.heappop(self._waiting) < frame.pts
        if lost >= _LOST and self.first is not None:
            self.fault("packets without a picture")

    def problem(self, origin: float) -> str | None:
        """One line about this stream alone, times counted from ``origin``; None when nothing is wrong."""
        plain = PLAIN[self.kind]
        if self.faults:
            where = "from its start" if self.at is None else f"at {self.at - origin:.2f} s"
            total = sum(self.faults.values())
            times = "" if total == 1 else f", {total} faults in all"
            return f"the {plain} is damaged {where} ({self.reason}{times}); get a whole copy"
        # a last picture may last as long as the one before it
        if self.declared is not None and self.end < self.declared - max(self.slack, self._spacing):
            return (
                f"the {plain} ends at {self.end - origin:.2f} s of {self.declared - origin:.2f} s declared: "
                "the file is cut or damaged; get a whole copy"
            )
        return None


@dataclass
class Account:
    """What was read of a file; hand one and the same to `read_audio` and `read_frames`, then ask `problem`.

    Example:
        >>> account = Account()
        >>> sound = read_audio("talk.mp4", account=account)  # doctest: +SKIP
        >>> if problem := account.problem():  # doctest: +SKIP
        ...     raise MediaError(f"talk.mp4: {problem}")

    Attributes:
        path: The file, None before anything was read.
        origin: Container time of the file clock's 0, s.
        declared: End of the file by its header in container time, once all its streams were read.
        streams: What was decoded, by ``video`` and ``audio``; a stream that was not read is not there.
    """

    path: Path | None = None
    origin: float = 0.0
    declared: float | None = None
    streams: dict[str, StreamAccount] = field(default_factory=dict)

    def open(self, path: str | Path, container: InputContainer, stream: Any) -> StreamAccount:
        """Start (again) to account for a stream."""
        self.path = Path(path)
        opened = StreamAccount(stream.type, _declared_end(container, stream), SHORT[stream.type])
        if container.format.name == "avi" and stream.type == "video":  # counted, not timed: one lost picture is a shift
            opened.slack = 1.5 * float(stream.time_base or 0)
        if stream.codec_context.name.endswith("opus"):
            opened.hole = SILENT_OPUS
        self.streams[stream.type] = opened
        if len(container.streams) == len(self.streams):  # a third one may be the longest
            self.declared = _declared_by_file(container, self.path)
        return opened

    def end(self, kind: str) -> float | None:
        """File time of the end of what was decoded of a stream, s; None if it was not read."""
        stream = self.streams.get(kind)
        return None if stream is None or stream.first is None else stream.end - self.origin

    def problem(self) -> str | None:
        """What is wrong with what was read so far, in one line with what to do; None when nothing is.

        That one stream honestly ends before the other is nothing wrong: compare ``end("video")`` and ``end("audio")``.
        """
        if self.path is not None and (missing := missing_bytes(self.path)):
            return f"at least {missing} bytes are missing at its end: the file was cut; get a whole copy"
        for stream in self.streams.values():
            if problem := stream.problem(self.origin):
                return problem
        end = max((one.end for one in self.streams.values()), default=0.0)
        if self.declared is not None and end < LEAST * self.declared - SHORT["video"]:
            return (
                f"picture and sound end at {end - self.origin:.2f} s of {self.declared - self.origin:.2f} s declared: "
                "the file is cut or damaged; get a whole copy"
            )
        if hole := self._hole_in_both():
            return (
                f"picture and sound are missing from {hole[0] - self.origin:.2f} to {hole[1] - self.origin:.2f} s: "
                "the file is damaged there; get a whole copy"
            )
        return None

    def _hole_in_both(self) -> tuple[float, float] | None:
        """The last hole that the picture and the sound share."""
        if len(self.streams) < 2:
            return None
        one, other = (list(stream.holes) for stream in self.streams.values())
        while one and other:
            start, end = max(one[-1][0], other[-1][0]), min(one[-1][1], other[-1][1])
            if end - start > HOLE / 2:
                return start, end
            (one if one[-1][0] > other[-1][0] else other).pop()
        return None


def _declared_end(container: InputContainer, stream: Any) -> float | None:
    """Container time of the end of a stream where the header tells; estimates of FFmpeg's do not count."""
    name, base = container.format.name, float(stream.time_base or 0)
    if "mp4" in name and stream.duration:
        return (stream.duration + (stream.start_time or 0)) * base
    if name == "avi" and stream.frames:  # its duration is put right for a cut file
        return stream.frames * base
    if "matroska" in name and (text := stream.metadata.get("DURATION")):
        try:
            hours, minutes, seconds = (float(part) for part in text.split(":"))
        except ValueError:
            return None
        return 3600 * hours + 60 * minutes + seconds
    return None


def _declared_by_file(container: InputContainer, path: Path) -> float | None:
    """End by the header of the whole file, container time; FFmpeg's own estimates do not count."""
    if "mp4" in container.format.name:
        return movie_seconds(path)
    estimated = any(stream.duration for stream in container.streams)
    if "matroska" not in container.format.name or estimated or not container.duration:
        return None
    return container.duration / 1e6
