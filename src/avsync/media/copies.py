"""Streams that go from one container into another as they are, packet by packet, with their tags and the chapters."""

from __future__ import annotations

import errno
import io
import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.stream import Disposition

from avsync.errors import MediaError
from avsync.media.probe import MediaInfo
from avsync.media.source import pick

Progress = Callable[[float], None]
"""Told the share that is done, 0...1."""

MP4 = {".mp4", ".mov", ".m4v"}
EDITED = MP4 | {".3gp", ".3g2", ".f4v"}
"""What hides whatever lies before 0, by an edit list."""
COVERED = {".mp4", ".m4v", ".mkv"}
"""What holds a picture of the cover as such."""
TRANSPORT = {".ts", ".m2ts", ".mts", ".m2t"}
"""MPEG-2 transport streams, by whatever name cameras and broadcasters give them."""

_REORDERED = 17
"""Pictures that may come before the first decoding time is told: H.264 and HEVC hold back sixteen at most."""

_EVERY = 100
"""Packets between two shares that are told: a second or two of a file."""

_TAGS = {"title", "artist", "album", "comment", "date", "genre", "copyright", "description", "encoder", "creation_time"}
_TAGS |= {"major_brand", "minor_version", "compatible_brands"}
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
_FORMATS = {".m4v": "mp4"}


def create(path: Path, given: InputContainer) -> OutputContainer:
    """An empty container for what is in ``given``, of the format that the suffix says."""
    options = {"fflags": "+bitexact"}
    if path.suffix.lower() in MP4 and set(given.metadata) - _TAGS:
        options["movflags"] = "+use_metadata_tags"  # without it MP4 keeps a handful of tags that it has atoms for
    format = _FORMATS.get(path.suffix.lower())
    return av.open(f"file:{path}", "w", format=format, container_options=options)


def require_container(path: str | Path) -> None:
    """Before hours of work: does a name say what kind of file will be written?

    Raises:
        MediaError: Its suffix is none that FFmpeg writes, or it has none.
    """
    suffix = Path(path).suffix.lower()
    try:  # nothing is opened before something is written
        av.open(f"file:any{suffix}", "w", format=_FORMATS.get(suffix)).close()
    except ValueError:
        said = f"{suffix} is no container that can be written" if suffix else "its name does not say which container"
        raise MediaError(f"{path}: {said}; give a name that ends in .mp4, .mov or .mkv") from None


def refused(target: str | Path, source: str | Path, suffix: str, error: Exception) -> MediaError:
    """The error for a file that could not be written: the disk's fault, or the container's."""
    if getattr(error, "errno", None) in _DISK:
        return MediaError(f"{target}: cannot be written ({error.strerror}); make room there or give another place")  # type: ignore[attr-defined]
    return MediaError(f"{target}: {suffix or 'this container'} cannot hold {source} ({error}); write .mkv")


class Copies:
    """The streams of a container that are copied into another.

    Args:
        given: Opened for reading.
        written: Opened for writing, nothing in it yet.
        suffix: Of the file being written.
        delay: Seconds that are added to the times of a kind of stream.
        taken: Told each stream in order; whether somebody else takes care of it, and has made its place.

    Attributes:
        left_out: In words, what the container cannot hold.
    """

    def __init__(
        self,
        given: InputContainer,
        written: OutputContainer,
        suffix: str,
        delay: Callable[[str], float],
        taken: Callable[[Any], bool] = lambda stream: False,
    ) -> None:
        self._given, self._written, self._delay = given, written, delay
        self.left_out: list[str] = []
        self._suffix = suffix
        self._copies: dict[int, Any] = {}
        self._last: dict[int, int] = {}
        self._untold: dict[int, int] = {}
        self._first: dict[int, list[Any]] = {}
        self._latest: dict[int, int] = {}  # of the pictures that are shown
        self._bared: dict[int, int] = {}  # the earliest that was hidden and is no more
        written.metadata.update(given.metadata)
        needed = [pick(given, "video"), pick(given, "audio")]
        self._picture = needed[0]
        for stream in given.streams:
            if _is_chapters(stream, given) or _is_timecode(stream, suffix) or taken(stream):
                continue
            if stream not in needed and not _held(stream, suffix):
                self.left_out.append(named(stream))
                continue
            self._copies[stream.index] = tagged(_added(written, stream, _fourcc(stream, suffix)), stream)
        if chapters := given.chapters():
            later = delay("video")
            written.set_chapters([_moved(chapter, later) for chapter in chapters])

    @property
    def sources(self) -> list[Any]:
        """The streams of the given container whose packets are to be taken."""
        return [stream for stream in self._given.streams if stream.index in self._copies]

    def take(self, packet: Any) -> None:
        """Write one packet of :attr:`sources`, moved; the first ones wait until their decoding times are known."""
        index = packet.stream.index
        if not packet.size and packet.dts is None and packet.pts is None:
            return
        waiting = self._first.setdefault(index, [])
        begins = packet.stream.type == "video" and index not in self._last and len(waiting) < _REORDERED
        if begins and packet.dts is None and packet.pts is not None:
            waiting.append(packet)
            return
        self._release(index, packet.dts)
        self._write(packet)

    def finish(self) -> None:
        """There are no more packets."""
        for index in self._first:
            self._release(index, None)

    def _release(self, index: int, known: int | None) -> None:
        """Write what waits. Matroska keeps no decoding times: those before the first known one are reckoned from it."""
        waiting, self._first[index] = self._first[index], []
        for packet in reversed(waiting):
            if known is not None:
                packet.dts = known = min(known - max(1, packet.duration or 0), packet.pts)
        for packet in waiting:
            self._write(packet)

    def _write(self, packet: Any) -> None:
        index = packet.stream.index
        if packet.dts is None and packet.pts is None:
            packet.dts = self._untold.get(index, 0)  # program streams give a time to only some packets
        self._untold[index] = (packet.pts if packet.dts is None else packet.dts) + (packet.duration or 0)
        move(packet, self._delay(packet.stream.type), self._last.get(index))
        if packet.stream == self._picture:
            self._require_hidden(packet, index)
        elif packet.stream.type not in ("video", "audio"):  # a word that began before the first picture
            packet.pts, packet.dts = max(packet.pts, 0), max(packet.dts, 0)
        self._last[index] = packet.dts
        packet.stream = self._copies[index]
        self._written.mux(packet)

    def _require_hidden(self, packet: Any, index: int) -> None:
        """Refuse pictures that an edit list hides where the copy would show them among the others.

        Raises:
            MediaError: See above.
        """
        if not packet.is_discard:
            self._latest[index] = max(packet.pts, self._latest.get(index, packet.pts))
        elif packet.pts >= 0 or self._suffix not in EDITED:
            self._bared[index] = min(packet.pts, self._bared.get(index, packet.pts))
        if self._bared.get(index, math.inf) <= self._latest.get(index, -math.inf):
            raise MediaError(
                f"{self._given.name.removeprefix('file:')}: is cut by an edit list, and a copy would show what that "
                "hides; encode it anew first"
            )


def telling(packets: Iterable[Any], info: MediaInfo, progress: Progress | None) -> Iterator[Any]:
    """The same packets of a file; ``progress`` is told how much of it lies behind them, which is a sign of life too."""
    share = 0.0
    for number, packet in enumerate(packets):
        if progress is not None and number % _EVERY == 0:
            time = packet.pts if packet.dts is None else packet.dts
            if time is not None and info.duration:
                share = min(1.0, max(0.0, (float(time * packet.time_base) - info.origin) / info.duration))
            progress(share)
        yield packet


def tagged(copy: Any, stream: Any) -> Any:
    """``copy`` with the language, title and role (default, forced, cover...) of ``stream``."""
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    return copy


def move(packet: Any, delay: float, decoded_last: int | None = None) -> None:
    """Add ``delay`` s to a packet's times, and mend what muxers refuse: missing and repeated decoding times."""
    # AVI counts in whole frames of picture or sound: too coarse to say by how much
    finer = math.ceil(packet.time_base * 48000)
    ticks = round(delay / (packet.time_base / finer))
    shown, decoded = packet.pts, packet.dts
    shown, decoded = (decoded if shown is None else shown), (shown if decoded is None else decoded)
    packet.time_base = packet.time_base / finer
    packet.duration = (packet.duration or 0) * finer
    packet.pts, packet.dts = shown * finer + ticks, decoded * finer + ticks
    if decoded_last is not None and packet.dts <= decoded_last:
        packet.dts = min(packet.pts, decoded_last + 1)


def _is_chapters(stream: Any, given: InputContainer) -> bool:
    """MP4 shows its chapters a second time, as a stream of their titles, and writes that anew."""
    chapters = len(given.chapters())
    return stream.type == "data" and stream.codec_context is None and 0 < chapters == stream.frames


def _is_timecode(stream: Any, suffix: str) -> bool:
    """MP4 and MOV hold it a second time, as a tag of the picture, and write the stream anew from that."""
    if suffix not in MP4 or stream.type != "data" or stream.codec_context is not None:
        return False
    pictures = stream.container.streams.video
    return "timecode" in stream.metadata and any("timecode" in picture.metadata for picture in pictures)


def _added(container: OutputContainer, stream: Any, fourcc: str = "") -> Any:
    """A place for a stream in another container; ``fourcc`` is what its codec is called there, "" the usual."""
    # opaque: PyAV else looks for an encoder of the decoder's name, and libdav1d is none
    copy: Any = container.add_stream_from_template(stream, opaque=True)
    if fourcc:
        copy.codec_context.codec_tag = fourcc
    if stream.type == "video" and stream.codec_context is not None and stream.sample_aspect_ratio:
        copy.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio  # of the container: not all codecs say it
    return copy


def _fourcc(stream: Any, suffix: str) -> str:
    """What a stream's codec is called in a container of the same family, which tells apart kinds of ProRes."""
    context = stream.codec_context
    if context is None:
        return ""
    try:
        fourcc = context.codec_tag
    except UnicodeDecodeError:
        return ""
    if format_of(suffix) not in stream.container.format.name.split(","):
        # Apple's players take HEVC by this name alone, and its parameters have to be in the header
        extradata = context.extradata or b""
        apart = context.name == "hevc" and extradata[:1] == b"\1" and any(extradata[22:23])
        fourcc = "hvc1" if apart and suffix in MP4 else ""
    return fourcc if fourcc.strip("\0") and _held(stream, suffix, fourcc) else ""


def _held(stream: Any, suffix: str, fourcc: str = "") -> bool:
    """Whether a container takes a stream: it is asked, by writing a header of nothing else."""
    if stream.disposition & Disposition.attached_pic and suffix not in COVERED:
        return False
    for beside in _beside(stream):
        try:
            with av.open(io.BytesIO(), "w", format=format_of(suffix)) as container:
                for one in beside:
                    _added(container, one)
                _added(container, stream, fourcc)
                container.start_encoding()
        except (av.error.FFmpegError, ValueError, OSError):
            continue
        return True
    return False


def _beside(stream: Any) -> Iterator[list[Any]]:
    """A header of one subtitle or attachment alone is refused by some containers that take it beside a picture."""
    pictures = [one for one in stream.container.streams.video if one.codec_context is not None]
    yield pictures[:1]
    yield []


def format_of(suffix: str) -> str:
    """FFmpeg's name of the format that a suffix stands for, for containers that are held in memory."""
    if suffix in TRANSPORT:
        return "mpegts"
    names = {".mkv": "matroska", ".mka": "matroska", ".mpg": "mpeg", ".m4v": "mp4", ".wmv": "asf"}
    return names.get(suffix, suffix[1:])


def named(stream: Any) -> str:
    """A stream in words."""
    codec = f" ({stream.codec_context.name})" if stream.codec_context is not None else ""
    return f"stream {stream.index}, {stream.type}{codec}"


def _moved(chapter: Any, delay: float) -> Any:
    ticks = round(Fraction(delay) / chapter["time_base"])
    return {**chapter, "start": max(0, chapter["start"] + ticks), "end": max(0, chapter["end"] + ticks)}
