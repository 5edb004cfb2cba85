"""Opening a file that somebody gave us, and decoding one of its streams frame by frame.

Everything here speaks container time: the seconds that the demuxer gives a frame, after edit lists and after
the decoder dropped an encoder's priming samples. FFmpeg does both; the tests hold it to that.
"""

import heapq
import io
import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition, Stream

from avsync.clock import FPS
from avsync.errors import MediaError
from avsync.media.damage import PLAIN, Account, StreamAccount

Kind = Literal["video", "audio"]

MOST_CHANNELS = 8
"""PyAV reads past the end of a frame with more, and damaged AAC may have any number."""

SEEKABLE = {"mov", "matroska"}
"""Formats with an index that a jump can be trusted to; others are read from their start."""

RUN_UP = 2.0
"""Seconds read before an interval: sound decoders need some, and a picture is chosen by its neighbours' times."""

_MOST_FAILURES = 100
_log = logging.getLogger(__name__)


def open_media(path: str | Path) -> InputContainer:
    """Open a media file for reading; the caller closes it (it is a context manager).

    Raises:
        MediaError: Nothing there, a folder, a text file (FFmpeg "hears" sound in a saved error page), or no
            format that FFmpeg knows.
    """
    file = Path(path)
    _require_binary_file(file)
    try:
        # "file:" and the list of protocols keep names like concat:a and playlists from reading anything else
        return av.open(f"file:{file}", options={"protocol_whitelist": "file", "fflags": "+genpts"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{file}: not a media file that can be read ({reason(error)}); get a whole media file"
        ) from error


def _require_binary_file(file: Path) -> None:
    if file.is_dir():
        raise MediaError(f"{file}: is a folder; give one media file")
    if not file.exists():
        raise MediaError(f"{file}: no such file; give a media file that is there")
    try:
        with file.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise MediaError(f"{file}: cannot be read ({error.strerror}); give a media file that may be read") from error
    if not head:
        raise MediaError(f"{file}: is empty; give a media file")
    if _is_text(head):
        raise MediaError(f"{file}: is a text file (a saved web page or a playlist?), not a video; get the video itself")


def _is_text(head: bytes) -> bool:
    """True if the first bytes are printable; every audio or video container has control bytes there."""
    return not any(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)


def pick(container: InputContainer, kind: Kind) -> Stream | None:
    """The first stream of a kind that is not a cover picture and that this FFmpeg has a decoder for."""
    for stream in getattr(container.streams, kind):
        cover = stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
        if not cover and stream.codec_context is not None:
            return stream
    return None


def frame_rate(stream: Any) -> float:
    """Pictures a second of a video stream on average, 0.0 when unknown."""
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    # a Matroska file without a frame rate in its header shows as 1000 and more
    return next((float(rate) for rate in rates if rate and rate <= 300), 0.0)


def decode(path: str | Path, kind: Kind, account: Account | None = None, after: float | None = None) -> Iterator[Any]:
    """Decoded frames of the first stream of a kind, in order of presentation, past any damage to its end.

    Args:
        path: A media file.
        kind: Which stream.
        account: Told about everything that was decoded and that was not. Without one, the first damage is a
            warning in the log.
        after: Container time in s: frames from a second or two before it on are enough.

    Raises:
        MediaError: No such stream, or not one frame of it could be decoded.
    """
    with open_media(path) as container:
        stream = pick(container, kind)
        if stream is None:
            raise MediaError(f"{path}: no {PLAIN[kind]} in this file; a file with a {kind} stream is needed")
        stream.codec_context.thread_type = "AUTO"
        if stream.codec_context.name == "flac":  # the one codec whose checksums FFmpeg only looks at when asked
            stream.codec_context.options = {"err_detect": "crccheck+explode"}
        if after is not None:
            _jump(container, stream, after - RUN_UP)
        told = (account or Account()).open(path, container, stream)
        warned = account is not None
        decoder = Decoder(container, stream, told)
        for packet in packets(container, [stream], told.failed):
            yield from decoder.decode(packet)
            if told.faults and not warned:
                _log.warning("%s: %s", path, told.problem(0.0))
                warned = True
        if not told.count:
            why = told.reason or "nothing in it decodes"
            raise MediaError(
                f"{path}: no {PLAIN[kind]} could be decoded ({why}); the file is damaged, get a whole copy"
            )


def _jump(container: InputContainer, stream: Any, time: float) -> None:
    """Go on reading at a key frame at or before a time, where that is quick and safe."""
    if time > 0 and not SEEKABLE.isdisjoint(container.format.name.split(",")):
        container.seek(int(time / stream.time_base), stream=stream)


class Decoder:
    """One stream's packets to frames: what fails is accounted for, and missing times are mended."""

    def __init__(self, container: InputContainer, stream: Any, account: StreamAccount) -> None:
        self._stream = stream
        # AVI has no times of presentation, only an order of decoding: the pictures take its times as they come
        self._untimed = container.format.name == "avi" and stream.type == "video"
        self._times: list[int] = []
        self._base = stream.time_base or Fraction(1, av.time_base)
        self._step = round(1 / (frame_rate(stream) or FPS) / self._base) if stream.type == "video" else 0
        self._next: int | None = None
        self._account = account

    def decode(self, packet: Any) -> list[Any]:
        """Frames that are ready after this packet, none if it does not decode."""
        if packet.size:
            self._account.took(packet)
            if self._untimed and packet.dts is not None:
                heapq.heappush(self._times, packet.dts)
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            self._account.failed(reason(error))
            if packet.dts in self._times:
                self._times.remove(packet.dts)
                heapq.heapify(self._times)
            return []
        return [self._mended(frame) for frame in frames if self._readable(frame)]

    def _readable(self, frame: Any) -> bool:
        channels = 0 if self._stream.type == "video" else frame.layout.nb_channels
        if channels > MOST_CHANNELS:
            self._account.fault(f"{channels} channels, of which at most {MOST_CHANNELS} can be read")
        return channels <= MOST_CHANNELS

    def _mended(self, frame: Any) -> Any:
        frame.time_base = frame.time_base or self._base
        if self._times:
            frame.pts = heapq.heappop(self._times)
        elif frame.pts is None and self._step:  # program streams give a time to only some pictures
            frame.pts = self._next or 0
        self._next = None if frame.pts is None else frame.pts + self._step
        self._account.gave(frame)
        return frame


def packets(container: InputContainer, streams: list[Stream], failed: Callable[[str], None]) -> Iterator[Any]:
    """Packets to the end; a demuxer that fails is asked again, but not for ever."""
    failures = 0
    while failures < _MOST_FAILURES:
        try:
            for packet in container.demux(streams):
                if packet.size or packet.dts is None:  # an empty one in the middle would end the decoder
                    failures = 0
                    yield packet
            return
        except IndexError:  # PyAV knows no stream that turns up later; none of ours, so no damage
            failures += 1
        except av.error.FFmpegError as error:
            failures += 1
            failed(reason(error))
    for stream in streams:  # the decoder may still hold frames
        flush = av.Packet()
        flush.stream = stream
        yield flush


def demuxed(container: InputContainer, streams: list[Any]) -> Iterator[Any]:
    """All packets, for who has to have all: a demuxer that fails is an error."""
    while True:
        try:
            yield from container.demux(streams)
            return
        except IndexError:  # as above
            continue


def decode_bytes(data: bytes, format: str) -> list[Any]:
    """All decoded audio frames of a file held in memory, of a format given by name.

    Raises:
        MediaError: The bytes are not of that format, or damaged anywhere: they are ours, nothing is forgiven.
    """
    try:
        with av.open(io.BytesIO(data), "r", format=format) as container:
            declared = container.streams.audio[0].duration
            frames = list(container.decode(audio=0))
    except (av.error.FFmpegError, IndexError) as error:
        raise MediaError(
            f"{len(data)} bytes that should be {format} do not decode ({reason(error)}); write them again"
        ) from error
    count = sum(frame.samples for frame in frames)
    if not count or (declared and count != declared):
        raise MediaError(
            f"{len(data)} bytes of {format} hold {count} samples of {declared or 'some'}; damaged, write it again"
        )
    return frames


def reason(error: BaseException) -> str:
    """What FFmpeg says, without its numbers and names of files."""
    if isinstance(error, PermissionError):  # -1 of a decoder, which is no number of an error
        return "invalid data"
    return str(getattr(error, "strerror", None) or error).splitlines()[0]
