"""Opening what can be read only once, and its packets until it ends, breaks off or says nothing more."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer

from avsync.errors import MediaError
from avsync.media.damage import PLAIN
from avsync.media.source import pick, reason

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
# a playlist from the net may name anything: no files of this machine
_PROTOCOLS = "http,https,httpproxy,tls,tcp,udp,rtp,srtp,rtmp,rtmps,rtmpt,rtsp,srt,hls,crypto,data"
_MOST_FAILURES = 100
_PASSWORD = re.compile(r"(?<=://)[^/@]*:[^/@]*@")


class Incoming:
    """A source by its name; nothing is opened before :meth:`open`.

    Args:
        source: ``-`` for standard input, the path of a pipe or file, or a URL.
        patience: Seconds without anything from a URL after which it is given up.

    Attributes:
        name: The source as it may be shown: without a password.
    """

    def __init__(self, source: str, patience: float = 30.0) -> None:
        self.name = _PASSWORD.sub("***@", source)
        self._source, self._patience = source, patience
        if source != "-" and not _URL.match(source):
            _require_readable(source)

    def open(self) -> InputContainer:
        """Open it; this may wait for who writes into the pipe.

        Raises:
            MediaError: There is nothing there, or no format that FFmpeg knows.
        """
        options, patience = {"fflags": "+genpts"}, None
        try:
            if _URL.match(self._source):
                given: Any = self._source
                options |= {"protocol_whitelist": _PROTOCOLS}
                patience = self._patience
            else:
                given = os.fdopen(os.dup(0), "rb", 0) if self._source == "-" else Path(self._source).open("rb", 0)
            return av.open(given, "r", options=options, timeout=patience)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._unfit(error) from error

    def streams(self, container: InputContainer) -> list[Any]:
        """Its picture and its sound, in this order.

        Raises:
            MediaError: One of them is missing.
        """
        found = []
        for kind in ("video", "audio"):
            stream = pick(container, kind)
            if stream is None:
                raise MediaError(f"{self.name}: no {PLAIN[kind]} in this source; picture and sound are needed")
            stream.codec_context.thread_type = "AUTO"
            found.append(stream)
        return found

    def packets(self, container: InputContainer, streams: list[Any]) -> Iterator[Any]:
        """Packets to the end.

        Raises:
            MediaError: The source broke off or cannot be read in one pass, or nothing came for as long as one is
                patient.
        """
        failures, came = 0, False
        while True:
            try:
                for packet in container.demux(streams):
                    if packet.size or packet.dts is None:  # an empty one in the middle would end the decoder
                        failures, came = 0, True
                        yield packet
                return
            except IndexError:  # PyAV knows no stream that turns up later; none of ours
                failures += 1
            except (av.error.ExitError, TimeoutError) as error:
                raise MediaError(
                    f"{self.name}: nothing came from it for {self._patience:.0f} s; start it again"
                ) from error
            except av.error.FFmpegError as error:
                failures += 1
                if failures > _MOST_FAILURES:
                    broken = MediaError(f"{self.name}: broke off ({reason(error)}); start it again")
                    raise (broken if came else self._unfit(error)) from error

    def _unfit(self, error: Exception) -> MediaError:
        """Of what gives no packet: an MP4 whose table comes last can be opened, but not read from a pipe."""
        return MediaError(
            f"{self.name}: cannot be read as a live source ({reason(error)}); give a pipe with MPEG-TS, Matroska or "
            "fragmented MP4, or a URL that is being sent"
        )


def _require_readable(source: str) -> None:
    path = Path(source)
    if path.is_dir():
        raise MediaError(f"{path}: is a folder; give a pipe, a URL, or - for standard input")
    if not path.exists():
        raise MediaError(f"{path}: no such pipe or file; give one that is there, a URL, or - for standard input")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{path}: may not be read; give a pipe or file that may")
    if not stat.S_ISFIFO(path.stat().st_mode) and path.stat().st_size == 0 and path.is_file():
        raise MediaError(f"{path}: is empty; give a source that has picture and sound")
