"""Moving the sound of a file in time without touching a single coded byte."""

import logging
import math
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer, OutputContainer

from avsync.errors import MediaError
from avsync.media.atomic import whole_file
from avsync.media.probe import probe, require_picture_and_sound
from avsync.media.source import open_media

_NO_TIMESTAMPS = {".avi", ".wav", ".mp3", ".flac"}
_log = logging.getLogger(__name__)


def shift_audio(source: str | Path, target: str | Path, seconds: float) -> None:
    """Copy a file with its sound moved by ``seconds``; all streams are copied packet by packet.

    The sound is moved later for ``seconds`` above 0. Below 0 everything but the sound is moved later instead,
    so that nothing falls before the start of the file and is lost.

    Args:
        source: A file with picture and sound.
        target: The file to write (whole or not at all); its suffix chooses the container.
        seconds: How far; positive: later.

    Raises:
        MediaError: ``source`` lacks picture or sound, or the target's container cannot hold its streams or
            start times.
    """
    info = probe(source)
    require_picture_and_sound(info)
    suffix = Path(target).suffix.lower()
    if suffix in _NO_TIMESTAMPS:
        raise MediaError(f"{target}: {suffix} files cannot say when their sound starts; write .mp4, .mov or .mkv")
    # a first timestamp below 0 would be cut away by the container
    base = max(0.0, -info.origin)
    delays = {True: base + max(0.0, seconds), False: base + max(0.0, -seconds)}
    with whole_file(target) as temporary, open_media(source) as given:
        try:
            with av.open(f"file:{temporary}", "w", container_options={"fflags": "+bitexact"}) as written:
                _copy(given, written, delays)
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaError(
                f"{target}: {suffix or 'this container'} cannot hold {source} ({error}); write .mkv"
            ) from error


def _copy(given: InputContainer, written: OutputContainer, delays: dict[bool, float]) -> None:
    written.metadata.update(given.metadata)
    streams: dict[int, Any] = {}
    for stream in given.streams:
        if stream.type not in ("video", "audio", "subtitle"):
            _log.warning("%s: stream %d (%s) is not copied", given.name, stream.index, stream.type)
            continue
        copy = written.add_stream_from_template(stream)
        copy.metadata.update(stream.metadata)
        copy.disposition = stream.disposition
        streams[stream.index] = copy
    decoded_last: dict[int, int] = {}
    untold: dict[int, int] = {}
    packet: Any
    for packet in given.demux([stream for stream in given.streams if stream.index in streams]):
        index = packet.stream.index
        if packet.dts is None and packet.pts is None:
            if not packet.size:
                continue
            packet.dts = untold.get(index, 0)  # program streams give a time to only some packets
        untold[index] = (packet.pts if packet.dts is None else packet.dts) + (packet.duration or 0)
        move(packet, delays[packet.stream.type == "audio"], decoded_last.get(index))
        decoded_last[index] = packet.dts
        packet.stream = streams[index]
        written.mux(packet)


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
