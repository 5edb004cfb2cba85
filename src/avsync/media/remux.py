"""Moving the sound of a file in time without touching a single coded byte."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import av
import av.error

from avsync.errors import MediaError
from avsync.media.atomic import whole_file
from avsync.media.copies import TRANSPORT, Copies, Progress, create, refused, telling
from avsync.media.hidden import hidden_pictures, unhidden
from avsync.media.probe import MediaInfo, probe, require_picture_and_sound
from avsync.media.source import demuxed, open_media

NO_TIMESTAMPS = {".avi", ".mxf", ".wav", ".mp3", ".flac"}
_log = logging.getLogger(__name__)


def require_timestamps(target: str | Path) -> None:
    """Refuse what cannot hold sound that starts later than the picture.

    Raises:
        MediaError: By its suffix ``target`` is such a file.
    """
    suffix = Path(target).suffix.lower()
    if suffix in NO_TIMESTAMPS:
        raise MediaError(
            f"{target}: {suffix} files cannot say when their sound starts; write .mp4, .mov or .mkv (avsync fix: "
            "--rewrite-audio)"
        )


def shift_audio(source: str | Path, target: str | Path, seconds: float, progress: Progress | None = None) -> list[str]:
    """Copy a file with its sound moved by ``seconds``; all streams are copied packet by packet.

    Every audio stream is moved later for ``seconds`` above 0. Below 0 everything but the sound is moved later instead,
    chapters too, so that nothing falls before the start of the file and is lost. Only where pictures have to stay
    hidden before the first (see :mod:`avsync.media.hidden`) it is sound that falls before the start, and is not heard.

    Args:
        source: A file with picture and sound.
        target: The file to write (whole or not at all); its suffix chooses the container.
        seconds: How far; positive: later.
        progress: Called with the share that is done, 0...1.

    Returns:
        The streams that the target's container cannot hold, in words; mostly none.

    Raises:
        MediaError: ``source`` lacks picture or sound, or the target's container cannot hold these two or their
            start times.
    """
    info = probe(source)
    require_picture_and_sound(info)
    suffix = Path(target).suffix.lower()
    require_timestamps(target)
    hidden = hidden_pictures(source, target)
    with whole_file(target) as temporary, open_media(source) as given:
        others = _others(info, given, suffix, hidden.needed, seconds)
        delays = {True: others + seconds, False: others}
        try:
            with create(temporary, given) as written:
                copies = Copies(given, written, suffix, lambda kind: delays[kind == "audio"])
                packets = telling(demuxed(given, copies.sources), info, progress)
                for packet in unhidden(packets, hidden):
                    copies.take(packet)
                copies.finish()
        except (av.error.FFmpegError, ValueError) as error:
            raise refused(target, source, suffix, error) from error
    for stream in copies.left_out:
        _log.warning("%s: %s is not copied: %s cannot hold it", source, stream, suffix)
    return copies.left_out


def _others(info: MediaInfo, given: Any, suffix: str, hiding: bool, seconds: float) -> float:
    """Seconds by which everything but the sound is moved later."""
    assert info.video is not None
    if hiding:  # whatever lies before 0 is hidden
        return -(info.origin + info.video.start)
    begin = min(info.origin, (given.start_time or 0) / av.time_base)
    # a first timestamp below 0 would be cut away by the container; a broadcaster's clock is none of a file's
    return (max(0.0, -begin) if suffix in TRANSPORT else -begin) + max(0.0, -seconds)
