"""Opening a file that somebody gave us, and decoding one of its streams frame by frame.

Everything here speaks container time: the seconds that the demuxer gives a frame, after edit lists and after
the decoder dropped an encoder's priming samples. FFmpeg does both; the tests hold it to that.
"""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition, Stream

from avsync.errors import MediaError

Kind = Literal["video", "audio"]
_PLAIN = {"video": "picture", "audio": "sound"}
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
        raise MediaError(f"{file}: not a media file that can be read ({_reason(error)})") from error


def _require_binary_file(file: Path) -> None:
    if file.is_dir():
        raise MediaError(f"{file}: is a folder; give one media file")
    if not file.exists():
        raise MediaError(f"{file}: no such file")
    try:
        with file.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise MediaError(f"{file}: cannot be read ({error.strerror})") from error
    if not head:
        raise MediaError(f"{file}: is empty; give a media file")
    if _is_text(head):
        raise MediaError(f"{file}: is a text file, not a video (a saved web page or a playlist?)")


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


def decode(path: str | Path, kind: Kind) -> Iterator[Any]:
    """Decoded frames of the first stream of a kind, in order of presentation, until its end or first damage.

    Packets that do not decode before the first good one are skipped (a recording may start anywhere); damage
    after it ends the stream with one warning in the log.

    Raises:
        MediaError: No such stream, or not one frame of it could be decoded.
    """
    with open_media(path) as container:
        stream = pick(container, kind)
        if stream is None:
            raise MediaError(f"{path}: no {_PLAIN[kind]} in this file; a file with a {kind} stream is needed")
        stream.codec_context.thread_type = "AUTO"
        yield from _until_damage(container, stream, kind)


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
        raise MediaError(f"{len(data)} bytes that should be {format} do not decode ({_reason(error)})") from error
    count = sum(frame.samples for frame in frames)
    if not count or (declared and count != declared):
        raise MediaError(f"{len(data)} bytes of {format} hold {count} samples of {declared or 'some'}; damaged")
    return frames


def _until_damage(container: InputContainer, stream: Stream, kind: Kind) -> Iterator[Any]:
    packets = container.demux(stream)
    last: Any = None
    problem = "nothing in it decodes"
    while True:
        try:
            frames = next(packets).decode()
        except StopIteration:
            break
        except av.error.FFmpegError as error:
            problem = _reason(error)
            if last is not None:
                where = "" if last.time is None else f" after {last.time:.2f} s"
                _log.warning("%s: the %s is damaged%s (%s)", container.name, _PLAIN[kind], where, problem)
                return
            continue
        for last in frames:
            yield last
    if last is None:
        name = container.name.removeprefix("file:")
        raise MediaError(f"{name}: no {_PLAIN[kind]} could be decoded ({problem}); the file is damaged")


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]
