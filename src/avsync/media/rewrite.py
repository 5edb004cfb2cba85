"""Moving the sound of a file in its samples: for readers that ignore timestamps, and where it has to be stretched."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.container import OutputContainer

from avsync.media.atomic import whole_file
from avsync.media.copies import TRANSPORT, Copies, Progress, create, format_of, named, refused, tagged, telling
from avsync.media.hidden import hidden_pictures, unhidden
from avsync.media.placement import Stretch, placed
from avsync.media.probe import MediaInfo, probe, require_picture_and_sound
from avsync.media.remux import NO_TIMESTAMPS
from avsync.media.source import MOST_CHANNELS, demuxed, open_media
from avsync.media.write import PRIMING

_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis"}
_INSTEAD = {".webm": "libopus", ".mkv": "flac", ".avi": "pcm_s16le", ".mpg": "mp2", ".mpeg": "mp2"}
_STREAMED = {"aac", "mp3", "mp2", "ac3", "eac3", "opus"}
"""What a transport stream holds so that others find it; FFmpeg puts anything there."""

_LOSSLESS = ("pcm_", "flac", "alac")
_NO_PRIMING = NO_TIMESTAMPS | TRANSPORT | {".mpg", ".mpeg"}
"""Containers that cannot say that an encoder puts samples of its own before the sound: they take its place."""

_LEAST = 64_000
"""Bits a second and channel: sound that was coded twice should not also be starved."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rewritten:
    """What became of a file's streams.

    Attributes:
        codecs: For each audio stream, what it was and what it is: ("ac3", "aac").
        left_out: Streams that the target's container cannot hold, and sound that cannot be read, in words.
    """

    codecs: list[tuple[str, str]]
    left_out: list[str]


def rewrite_audio(
    source: str | Path, target: str | Path, stretches: Sequence[Stretch], progress: Progress | None = None
) -> Rewritten:
    """Copy a file with the sound moved in its samples; everything but the sound is copied packet by packet.

    The file and its sound begin with the first picture: what would come before is cut off, what is missing is silence.
    So a reader that counts frames and samples finds the same as one that looks at timestamps.

    Args:
        source: A file with picture and sound.
        target: The file to write (whole or not at all); its suffix chooses the container.
        stretches: By how much the sound is early, and from when on; what makes it so is undone.
        progress: Called with the share that is done, 0...1.

    Returns:
        How the sound is coded now: as before where there is an encoder and the container takes it, else as FLAC, Opus,
        AAC or PCM, whatever the container is known for.

    Raises:
        MediaError: ``source`` lacks picture or sound, or the target's container cannot hold them.
    """
    info = probe(source)
    require_picture_and_sound(info)
    assert info.video is not None
    suffix = Path(target).suffix.lower()
    # the first picture is at 0: then what an encoder puts before the sound lies below 0 and is not heard
    base = -(info.origin + info.video.start)
    hidden = hidden_pictures(source, target)
    with whole_file(target) as temporary, open_media(source) as given:
        try:
            with create(temporary, given) as written:
                voices = _Voices(written, info, suffix, stretches)
                copies = Copies(given, written, suffix, lambda kind: base, voices.take)
                packets = telling(demuxed(given, copies.sources), info, progress)
                _mux(unhidden(packets, hidden), copies, voices.all, base)
        except (av.error.FFmpegError, ValueError) as error:
            raise refused(target, source, suffix, error) from error
    for stream in copies.left_out:
        _log.warning("%s: %s is not copied: %s cannot hold it", source, stream, suffix)
    for stream in voices.left_out:
        _log.warning("%s: %s is not copied", source, stream)
    return Rewritten(voices.codecs, copies.left_out + voices.left_out)


class _Voices:
    """The audio streams of a file, each in its place among the others."""

    def __init__(self, written: OutputContainer, info: MediaInfo, suffix: str, stretches: Sequence[Stretch]) -> None:
        assert info.video is not None
        self._written, self._info, self._suffix, self._stretches = written, info, suffix, stretches
        self._begin = info.video.start
        self.all: list[_Voice] = []
        self.codecs: list[tuple[str, str]] = []
        self.left_out: list[str] = []

    def take(self, stream: Any) -> bool:
        """True for sound, which is coded anew."""
        if stream.type != "audio":
            return False
        known = stream.codec_context is not None
        place = (self._info.path, stream.index, self._info.origin, self._begin, self._stretches)
        blocks = placed(*place) if known else None
        if blocks is None:
            many = known and stream.codec_context.layout.nb_channels > MOST_CHANNELS
            why = f"of more than {MOST_CHANNELS} channels" if many else "that nothing here decodes"
            self.left_out.append(f"{named(stream)} {why}")
            return True
        self.all.append(_Voice(self._written, stream, _encoder(stream, self._suffix), blocks, self._suffix))
        self.codecs.append((stream.codec_context.codec.canonical_name, self.all[-1].codec))
        return True


def _mux(packets: Iterable[Any], copies: Copies, voices: list[_Voice], base: float) -> None:
    for packet in packets:
        time = packet.dts if packet.dts is not None else packet.pts
        if time is not None and packet.stream.type == "video":
            for voice in voices:
                voice.write_until(float(time * packet.time_base) + base)
        copies.take(packet)
    copies.finish()
    for voice in voices:
        voice.write_until(float("inf"))
        voice.close()


def _encoder(stream: Any, suffix: str) -> str:
    """The codec's own encoder if the container takes it at this rate, else what the container is known for."""
    name = stream.codec_context.codec.canonical_name
    own = [] if suffix in TRANSPORT and name not in _STREAMED else [_ENCODERS.get(name, name)]
    for encoder in (*own, _INSTEAD.get(suffix, "aac"), "flac"):
        try:
            with av.open(io.BytesIO(), "w", format=format_of(suffix)) as container:
                _stream(container, stream, encoder)
                container.start_encoding()
        except (av.error.FFmpegError, ValueError, OSError):
            continue
        return encoder
    raise ValueError(f"no encoder for its sound ({name})")


def _stream(container: OutputContainer, source: Any, encoder: str) -> Any:
    known = av.Codec(encoder, "w")
    context = source.codec_context
    rates = sorted(known.audio_rates or [context.sample_rate])
    rate = next((rate for rate in rates if rate >= context.sample_rate), rates[-1])
    stream: Any = container.add_stream(encoder, rate=rate, options={"flags": "+bitexact"})
    stream.layout = context.layout
    if encoder.startswith(_LOSSLESS):
        deep = context.format is not None and context.format.bytes > 2
        if deep and any(format.name == "s32" for format in known.audio_formats or ()):
            stream.format = "s32"
    else:
        stream.bit_rate = max(context.bit_rate or 0, _LEAST * context.layout.nb_channels)
    return stream


class _Voice:
    """One audio stream being encoded from its placed samples."""

    def __init__(
        self, container: OutputContainer, source: Any, encoder: str, blocks: Iterator[np.ndarray], suffix: str
    ) -> None:
        self._container, self._blocks = container, blocks
        self._stream = tagged(_stream(container, source, encoder), source)
        self._layout, self._rate = source.codec_context.layout, source.codec_context.sample_rate
        self._early = PRIMING.get(encoder, 0) if suffix in _NO_PRIMING else 0
        self._count = 0
        self._ended = False
        self.codec = self._stream.codec_context.codec.canonical_name

    def write_until(self, time: float) -> None:
        while not self._ended and self._count / self._rate < time:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
                return
            skip = max(0, self._early - self._count)
            if block.shape[1] > skip:
                self._encode(block[:, skip:], self._count + skip)
            self._count += block.shape[1]

    def _encode(self, samples: np.ndarray, at: int) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.clip(-1, 1)), "fltp", self._layout.name)
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), at
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
