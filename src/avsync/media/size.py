"""How long a file says that it is, in bytes and in time: what FFmpeg reads past, and the surest sign of a cut copy."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_UNTOLD = 0x7FFFFF00
"""AVI sizes from here on are fillers of recorders that never came back to write the true one."""


def missing_bytes(path: str | Path) -> int:
    """How many bytes, at least, the end of a file lacks; 0 when nothing lacks or the format does not tell.

    Boxes of MP4 and MOV, the segment of Matroska and WebM, the chunks of AVI say how long they are; a transport
    stream is made of packets of one length. Program streams do not tell, nor do recordings that were written
    without going back to their header.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        head = file.read(200)
        for packet, sync in ((188, 0), (192, 4)):
            if len(head) > sync + packet and head[sync] == head[sync + packet] == 0x47:
                return -size % packet
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
            return max(0, max((end for _, _, end in _boxes(file, 0, size)), default=0) - size)
        if head[:4] == b"RIFF":
            return max(0, _chunks(file, size) - size)
        return max(0, _segment(head) - size) if head[:4] == _EBML else 0


def movie_seconds(path: str | Path) -> float | None:
    """Duration in the movie header of an MP4 or MOV, of its longest track; None where there is none."""
    with Path(path).open("rb") as file:
        for kind, body, end in _boxes(file, 0, Path(path).stat().st_size):
            if kind == b"moov":
                for inner, start, _ in _boxes(file, body, end):
                    if inner == b"mvhd":
                        file.seek(start)
                        return _movie_header(file.read(32))
    return None


def _movie_header(head: bytes) -> float | None:
    wide = head[:1] == b"\x01"
    scale, units = (head[20:24], head[24:32]) if wide else (head[12:16], head[16:20])
    told = any(units) and any(scale) and units != b"\xff" * len(units)
    return int.from_bytes(units, "big") / int.from_bytes(scale, "big") if told else None


def _boxes(file: BinaryIO, at: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start of the content and end of the boxes of an MP4 that start before ``size``."""
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        kind, length, body = head[4:8], int.from_bytes(head[:4], "big"), at + 8
        if length == 1:
            length, body = int.from_bytes(head[8:16], "big"), at + 16
        if length < 8 or not kind.isalnum():  # up to the end, or something appended that is no box
            return
        at += length
        yield kind, body, at


def _chunks(file: BinaryIO, size: int) -> int:
    """End of the last RIFF chunk of an AVI, which has another one for each further gigabyte."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or not 0 < length < _UNTOLD:
            return size
        end += 8 + length
    return end


def _segment(head: bytes) -> int:
    """End of the segment of a Matroska file, 0 if it was left open."""
    length, body = _ebml_length(head, 4)
    start = body + (length or 0)
    if head[start : start + 4] != _SEGMENT:
        return 0
    length, body = _ebml_length(head, start + 4)
    return 0 if length is None else body + length


def _ebml_length(data: bytes, at: int) -> tuple[int | None, int]:
    """A length and where what it measures starts; None for "not known", which is all ones."""
    width = 9 - data[at].bit_length() if at < len(data) else 9
    if width > 8:
        return None, at
    mask = (1 << 7 * width) - 1
    length = int.from_bytes(data[at : at + width], "big") & mask
    return (None if length == mask else length), at + width
