"""A source that can be read only once, as it comes: a pipe, a device, a URL.

    thread: open, demux ─► queue of packets ─► decode ─► pictures at 25 fps, the sound so far

Picture and sound come out of one pass and lie on one clock by their timestamps, as those of files do. Where the
timestamps leap (an encoder restarted, a programme was spliced in), a new segment with a clock of its own begins.
"""

from __future__ import annotations

import math
import queue
import threading
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any

import av
import numpy as np

from avsync import clock
from avsync.media.damage import StreamAccount
from avsync.media.incoming import Incoming
from avsync.media.read import ticks
from avsync.media.sound import JITTER, Placing, Waveform
from avsync.media.source import Decoder

LEAP = 3.0
"""Seconds by which a timestamp may stray from those before it; streams are interleaved up to 1 s apart."""

WAITING = 2048
"""Packets that may wait to be decoded, about 25 s of picture and sound; a source that is faster has to wait as well."""

_VOTES = 12
"""Frames of sound that decide where it starts: a quarter of a second at 48 kHz is soon enough for an answer."""

_UNPLACED = 500
"""Blocks of sound that are kept until the first picture says where their clock starts."""


class LiveSource:
    """A source, opened; use it in a ``with`` block.

    Args:
        source: ``-`` for standard input, the path of a pipe or file, or a URL that FFmpeg opens.
        patience: Seconds without anything from a URL after which it is given up; pipes may be quiet for ever.

    Attributes:
        name: The source as it may be shown: without a password.

    Raises:
        MediaError: It cannot be opened, or lacks picture or sound.
    """

    def __init__(self, source: str, patience: float = 30.0) -> None:
        self._incoming = Incoming(source, patience)
        self.name = self._incoming.name
        self._queue: queue.Queue[Any] = queue.Queue(WAITING)
        self._stop = threading.Event()
        # a daemon: nobody can interrupt a read, and a program that is told to end must not wait for one
        self._thread = threading.Thread(target=self._read, name=f"reading {self.name}", daemon=True)
        self._thread.start()
        opened = self._queue.get()
        if isinstance(opened, BaseException):
            raise opened
        container, self._streams = opened
        self._decoders = {one.index: Decoder(container, one, StreamAccount(one.type)) for one in self._streams}
        self._decoded: deque[Any] = deque()
        self._newest = 0.0  # container time of the newest picture that waits
        self._ended = False

    def __enter__(self) -> LiveSource:
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()

    def segments(self) -> Iterator[Segment]:
        """The stretches without a leap; each has to be read to its end before the next one."""
        segment: Segment | None = None
        while (frame := self.take()) is not None:
            self.give_back(frame)
            segment = Segment(self, segment)
            yield segment

    def waiting(self, time: float) -> float:
        """Seconds of picture after container time ``time`` that have come and wait; 0 across a leap."""
        ahead = self._newest - time
        return ahead if 0 < ahead < clock.seconds(WAITING) else 0.0

    def take(self) -> Any:
        """The next decoded frame of either stream, in the order they come; None at the end.

        Raises:
            MediaError: The source broke off.
        """
        while not self._decoded:
            packet = None if self._ended else self._queue.get()
            if isinstance(packet, BaseException):
                raise packet
            if packet is None:
                self._ended = True
                return None
            self._decoded.extend(self._decoders[packet.stream.index].decode(packet))
        return self._decoded.popleft()

    def give_back(self, frame: Any) -> None:
        """Have it next again."""
        self._decoded.appendleft(frame)

    @property
    def frame_rate(self) -> float:
        """Pictures a second by the header, 25 when unknown."""
        rate = self._streams[0].guessed_rate
        return float(rate) if rate and 1 <= rate <= 300 else float(clock.FPS)

    def _read(self) -> None:
        """The thread's work."""
        try:
            with self._incoming.open() as container:
                self._put(self._demuxed(container))
                self._stop.wait()  # packets that wait to be decoded need their container
        except Exception as error:  # it belongs to who reads
            self._put(error)

    def _demuxed(self, container: Any) -> BaseException | None:
        """Queue all packets; the end, or the error that ended it."""
        try:
            streams = self._incoming.streams(container)
            self._put((container, streams))
            for packet in self._incoming.packets(container, streams):
                if packet.stream is streams[0] and packet.pts is not None:
                    self._newest = float(packet.pts * packet.time_base)
                if not self._put(packet):
                    break
        except Exception as error:
            return error
        return None

    def _put(self, item: Any) -> bool:
        """Wait for room; False if nobody reads any more."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False


class Segment:
    """A stretch of a source whose timestamps do not leap.

    Attributes:
        sound: Mono at 16 kHz in [-1, 1], as much as has come; sample 640 k belongs to picture k.
        first: Number of the first picture.
        ended: True once all pictures were given.
    """

    def __init__(self, live: LiveSource, before: Segment | None) -> None:
        self.sound = Waveform()
        self.first = 0
        self.ended = False
        self._live = live
        self._stale = {} if before is None else before._last
        self._last: dict[str, float] = {}  # container times, by kind of stream
        self._latest: float | None = None
        self._placing: Placing | None = None
        self._unplaced: deque[Any] = deque(maxlen=_UNPLACED)
        self._origin = 0.0
        self._frames = self._timed()

    def pictures(self) -> Iterator[tuple[int, np.ndarray]]:
        """Pictures as :func:`avsync.media.read.read_frames` gives them; asked again, it goes on where it stopped."""
        first = next(self._frames, None)
        if first is not None:
            yield from ticks(chain([first], self._frames), clock.FPS, 1 / self._live.frame_rate)

    def waiting(self, k: int) -> float:
        """Seconds of picture after number ``k`` that have come and wait."""
        return self._live.waiting(self._origin + clock.seconds(k))

    def skip(self, seconds: float) -> float:
        """Throw pictures away until no more than so many seconds wait; how many seconds that were."""
        start = end = None
        for time, _ in self._frames:
            start, end = time if start is None else start, time
            if self._live.waiting(self._origin + time) <= seconds:
                break
        return 0.0 if start is None or end is None else end - start

    def _timed(self) -> Iterator[tuple[float, Any]]:
        """Decoded pictures with strictly rising times on the segment's clock; the sound on the way is put in place."""
        while (frame := self._live.take()) is not None:
            if frame.time is None:
                continue
            kind, time = ("video" if isinstance(frame, av.VideoFrame) else "audio"), float(frame.time)
            if self._leaps(kind, time):
                if kind not in self._last and abs(time - self._stale.get(kind, math.inf)) <= LEAP:
                    continue  # the rest of the segment before
                self._live.give_back(frame)
                break
            before = self._last.get(kind, -math.inf)
            self._last[kind] = max(before, time)
            if kind == "audio":
                # a picture that comes after so much sound is a leap: nothing will be asked of more
                if time - self._last.get("video", time) <= 2 * LEAP:
                    self._hear(frame)
            elif time > before:
                if self._placing is None:
                    self._begin(time)
                yield time - self._origin, frame
        for first, samples in self._placing.finish() if self._placing else ():
            self.sound.put(first, samples)
        self.ended = True

    def _leaps(self, kind: str, time: float) -> bool:
        """True if a time does not go on from those before; a picture that stood still for long is a leap as well."""
        latest = time if self._latest is None else self._latest
        stood = time - self._last.get("video", time) if kind == "video" else 0.0
        if abs(time - latest) > LEAP or stood > LEAP:
            return True
        self._latest = max(latest, time)
        return False

    def _begin(self, time: float) -> None:
        """Start the clock, so that the first picture lies on a whole frame and no sound before 0."""
        earliest = min([time, *(float(frame.time) for frame in self._unplaced)])
        self.first = math.ceil((time - earliest) * clock.FPS - 1e-6)
        self._origin = time - clock.seconds(self.first)
        self._placing = Placing(self._origin, votes=_VOTES)
        for frame in self._unplaced:
            self._hear(frame)
        self._unplaced.clear()

    def _hear(self, frame: Any) -> None:
        if self._placing is None:
            self._unplaced.append(frame)
        elif float(frame.time) >= self._origin - JITTER:
            for first, samples in self._placing.add(frame):
                self.sound.put(first, samples)
