"""What a media file holds and when its streams start."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av.error
from av.container import InputContainer
from av.stream import Stream

from avsync.clock import FPS
from avsync.errors import MediaError
from avsync.media.damage import StreamAccount
from avsync.media.source import Decoder, frame_rate, open_media, packets, pick


@dataclass(frozen=True)
class VideoInfo:
    """The first video stream.

    Attributes:
        start: Time of its first picture, s on the file clock.
        width: Pixels as displayed (after rotation).
        height: Pixels as displayed (after rotation).
        fps: Average frame rate, 0.0 when unknown; frame times may vary around it.
        rotation: Degrees counter-clockwise that the stored picture is turned for display: 0, 90, 180 or 270.
        codec: FFmpeg's name, for example ``h264``.
    """

    start: float
    width: int
    height: int
    fps: float
    rotation: int
    codec: str


@dataclass(frozen=True)
class AudioInfo:
    """The first audio stream.

    Attributes:
        start: Time of its first sample, s on the file clock, encoder priming left out.
        sample_rate: Hz.
        channels: Number of channels.
        codec: FFmpeg's name, for example ``aac``.
    """

    start: float
    sample_rate: int
    channels: int
    codec: str


@dataclass(frozen=True)
class MediaInfo:
    """A file and its first video and audio streams.

    The file clock starts (t = 0) where the earlier of the two streams starts, in container timestamps, or up to
    40 ms before it: so that the first picture lies on a whole frame of 25 fps and taking frames at 25 fps adds no
    error of its own to a source of that rate.

    Attributes:
        path: The file.
        origin: Container time of t = 0, s; what a player's absolute clock shows then.
        duration: Time of the end of the later stream, s on the file clock; 0.0 when nothing tells.
        video: None without a picture.
        audio: None without sound.
    """

    path: Path
    origin: float
    duration: float
    video: VideoInfo | None
    audio: AudioInfo | None


def probe(path: str | Path) -> MediaInfo:
    """Look into a file: decodes one frame of each stream, because only that tells the true start.

    Raises:
        MediaError: The file cannot be opened, or holds neither picture nor sound that decodes.

    Example:
        >>> info = probe("talk.mp4")  # doctest: +SKIP
        >>> info.audio.start - info.video.start  # doctest: +SKIP
        0.08
    """
    with open_media(path) as container:
        streams = [stream for kind in ("video", "audio") if (stream := pick(container, kind))]
        first = _first_frames(container, streams)
        if not first:
            raise MediaError(f"{path}: neither picture nor sound in this file can be decoded; give a media file")
        starts = {index: _time(frame) for index, frame in first.items()}
        origin = _origin(streams, starts)
        end = _end(container, [stream for stream in streams if stream.index in first])
        video, audio = None, None
        for stream in streams:
            if stream.index not in first:
                continue
            start, frame = starts[stream.index] - origin, first[stream.index]
            if stream.type == "video":
                video = _video(stream, frame, start)
            else:
                audio = AudioInfo(start, frame.sample_rate, frame.layout.nb_channels, _codec(stream))
    if end is None:
        end = _scanned_end(path)
    return MediaInfo(Path(path), origin, max(0.0, end - origin), video, audio)


def require_picture_and_sound(info: MediaInfo) -> None:
    """Refuse a file that cannot be measured.

    Raises:
        MediaError: The picture or the sound is missing.
    """
    if info.video is None:
        raise MediaError(f"{info.path}: no picture in this file; a video with picture and sound is needed")
    if info.audio is None:
        raise MediaError(f"{info.path}: no sound in this file; a video with picture and sound is needed")


def quarter_turns(frame: Any) -> int:
    """How many times 90 degrees counter-clockwise a decoded picture is turned for display: 0 to 3."""
    return round((frame.rotation or 0) / 90) % 4


def _first_frames(container: InputContainer, streams: list[Stream]) -> dict[int, Any]:
    first: dict[int, Any] = {}
    decoders = {stream.index: Decoder(container, stream, StreamAccount(stream.type)) for stream in streams}
    for packet in packets(container, streams, lambda reason: None) if streams else ():
        index = packet.stream.index
        if index not in first and (decoded := decoders[index].decode(packet)):
            first[index] = decoded[0]
            if len(first) == len(streams):
                break
    return first


def _origin(streams: list[Stream], starts: dict[int, float]) -> float:
    earliest = min(starts.values())
    for stream in streams:
        if stream.type == "video" and stream.index in starts:
            ahead = math.ceil((starts[stream.index] - earliest) * FPS - 1e-6)
            return starts[stream.index] - ahead / FPS
    return earliest


def _time(frame: Any) -> float:
    return 0.0 if frame.time is None else float(frame.time)


def _video(stream: Any, frame: Any, start: float) -> VideoInfo:
    turns = quarter_turns(frame)
    width, height = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
    return VideoInfo(start, width, height, frame_rate(stream), turns * 90, _codec(stream))


def _codec(stream: Stream) -> str:
    # the decoder may be one of several for a codec (mp3float, libdav1d): people know the codec's own name
    return stream.codec_context.codec.canonical_name


def _end(container: InputContainer, streams: list[Stream]) -> float | None:
    """Container time of the end by the headers; None when they do not say."""
    ends = [
        float((stream.duration + (stream.start_time or 0)) * stream.time_base)
        for stream in streams
        if stream.duration and stream.time_base
    ]
    if len(ends) == len(streams):
        return max(ends)
    if not container.duration:
        return None
    # Matroska's header counts from 0, all others from the first timestamp
    start = 0 if "matroska" in container.format.name else (container.start_time or 0)
    return (container.duration + start) / av.time_base


def _scanned_end(path: str | Path) -> float:
    """Container time of the end by reading all packets; browsers record without a duration in the header."""
    end = 0.0
    with open_media(path) as container:
        try:
            for packet in container.demux(video=0) if container.streams.video else container.demux(audio=0):
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        except av.error.FFmpegError:
            pass
    return end
