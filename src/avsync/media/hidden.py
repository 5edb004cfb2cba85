"""Packets that are in a file and not shown: an edit list begins behind them, or ends before.

A trim that codes nothing anew (``ffmpeg -ss -c copy``, QuickTime, phones) keeps the pictures back to the last key frame
before it, because those that are shown need them. A copy has to hide them as well, or to do without.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avsync.errors import MediaError
from avsync.media.copies import EDITED, TRANSPORT
from avsync.media.source import open_media, packets, pick


@dataclass(frozen=True)
class Hidden:
    """What the first picture stream of a file hides before its first picture.

    Attributes:
        index: Of the stream, None when there is none; others are copied as they are.
        any: Whether it hides anything there.
        begin: Time of the first shown picture, in ticks of the stream, if what is shown can be decoded without what is
            hidden; else None.
    """

    index: int | None
    any: bool = False
    begin: int | None = None

    @property
    def needed(self) -> bool:
        """Whether what is hidden has to be in a copy too."""
        return self.any and self.begin is None


def hidden_pictures(source: str | Path, target: str | Path) -> Hidden:
    """What ``source`` hides before its first picture.

    Raises:
        MediaError: Shown pictures need it, and ``target`` by its suffix is a file that cannot hide pictures.
    """
    suffix = Path(target).suffix.lower()
    index, hidden, shown = _first_pictures(source)
    begin = min((packet.pts for packet in shown), default=None)
    if begin is None or not any(packet.pts < begin for packet in hidden):
        return Hidden(index)
    found = Hidden(index, True, begin if _alone(hidden, shown, begin, suffix) else None)
    if found.needed and suffix not in EDITED:
        raise MediaError(
            f"{target}: {source} was trimmed and hides pictures before its first, which {suffix} files cannot; "
            "write .mp4 or .mov"
        )
    return found


def _first_pictures(source: str | Path) -> tuple[int | None, list[Any], list[Any]]:
    """The picture stream, its packets that are hidden and shown, up to where none can follow that is shown earlier."""
    hidden: list[Any] = []
    shown: list[Any] = []
    with open_media(source) as given:
        stream = pick(given, "video")
        if stream is not None and "mov" in given.format.name:  # no other format has edit lists
            for packet in packets(given, [stream], lambda reason: None):
                if not packet.size or packet.dts >= min((one.pts for one in shown), default=math.inf):
                    break
                (hidden if packet.is_discard else shown).append(packet)
        return None if stream is None else stream.index, hidden, shown


def _alone(hidden: list[Any], shown: list[Any], begin: int, suffix: str) -> bool:
    """Whether a file can begin with what is shown."""
    # H.264 in a transport stream brings its parameters with key frames of closed groups alone
    opened = suffix in TRANSPORT and any(packet.dts > shown[0].dts for packet in hidden)
    return shown[0].is_keyframe and shown[0].pts == begin and not opened


def unhidden(given: Iterable[Any], hidden: Hidden) -> Iterator[Any]:
    """Packets of a file as they come, but of the hidden ones only those that something shown needs.

    Args:
        given: All packets of some streams.
        hidden: As :func:`hidden_pictures` gives it.
    """
    held: dict[int, list[Any]] = {}
    begun: set[int] = set()
    for packet in given:
        index = packet.stream.index
        if index != hidden.index and packet.stream.type != "audio":
            yield packet
            continue
        before = held.setdefault(index, [])
        if before and packet.size and packet.dts <= before[-1].dts:
            before.clear()  # an edit that goes back needs nothing of the one before
        if packet.is_discard and index == hidden.index:
            if hidden.begin is None or packet.pts >= hidden.begin:
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
