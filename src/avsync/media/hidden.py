"""Packets that are in a file and not shown: an edit list begins behind them, or ends before.

A trim that codes nothing anew (``ffmpeg -ss -c copy``, QuickTime, phones) keeps the pictures back to the last key frame
before it, because those that are shown need them. A copy has to hide them as well, or to do without.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from avsync.errors import MediaError
from avsync.media.copies import MP4, TRANSPORT
from avsync.media.source import open_media, packets


def hidden_pictures(source: str | Path, target: str | Path) -> dict[int, int | None]:
    """Which video streams of ``source`` begin with hidden pictures.

    Returns:
        By index of the stream the time of its first shown picture, in its ticks, if what is shown can be decoded
        without what is hidden; None if it cannot.

    Raises:
        MediaError: It cannot, and ``target`` by its suffix is a file that cannot hide pictures.
    """
    suffix = Path(target).suffix.lower()
    begins: dict[int, int | None] = {}
    for index, (hidden, shown) in _first_pictures(source).items():
        begin = min((packet.pts for packet in shown), default=None)
        if begin is not None and any(packet.pts < begin for packet in hidden):
            begins[index] = begin if _alone(hidden, shown, begin, suffix) else None
    if None in begins.values() and suffix not in MP4:
        raise MediaError(
            f"{target}: {source} was trimmed and hides pictures before its first, which {suffix} files cannot; "
            "write .mp4 or .mov"
        )
    return begins


def _first_pictures(source: str | Path) -> dict[int, tuple[list[Any], list[Any]]]:
    """Of each video stream the packets that are hidden and shown, up to where none can follow that is shown earlier."""
    with open_media(source) as given:
        # no other format has edit lists
        streams: list[Any] = list(given.streams.video) if "mov" in given.format.name else []
        first: dict[int, tuple[list[Any], list[Any]]] = {stream.index: ([], []) for stream in streams}
        waiting = set(first)
        for packet in packets(given, streams, lambda reason: None) if streams else ():
            index = packet.stream.index
            if index in waiting and packet.size:
                first[index][0 if packet.is_discard else 1].append(packet)
            if not packet.size or packet.dts >= min((one.pts for one in first[index][1]), default=math.inf):
                waiting.discard(index)
            if not waiting:
                break
    return first


def _alone(hidden: list[Any], shown: list[Any], begin: int, suffix: str) -> bool:
    """Whether a file can begin with what is shown."""
    # H.264 in a transport stream brings its parameters with key frames of closed groups alone
    opened = suffix in TRANSPORT and any(packet.dts > shown[0].dts for packet in hidden)
    return shown[0].is_keyframe and shown[0].pts == begin and not opened


def unhidden(given: Iterable[Any], begins: Mapping[int, int | None]) -> Iterator[Any]:
    """Packets of a file as they come, but of the hidden ones only those that something shown needs.

    Args:
        given: All packets of some streams.
        begins: As :func:`hidden_pictures` gives it.
    """
    held: dict[int, list[Any]] = {}
    begun: set[int] = set()
    for packet in given:
        index, begin = packet.stream.index, begins.get(packet.stream.index)
        before = held.setdefault(index, [])
        if before and packet.size and packet.dts <= before[-1].dts:
            before.clear()  # an edit that goes back needs nothing of the one before
        if packet.is_discard and packet.stream.type == "video":
            if begin is None or packet.pts >= begin:
                before.append(packet)
        elif packet.is_discard:
            if index not in begun:
                before[:] = [packet]  # to decode the first sound takes one packet before it, at most
        else:
            if packet.size:  # not at the end: what is hidden behind the last that is shown stays behind
                begun.add(index)
                yield from before
                before.clear()
            yield packet
