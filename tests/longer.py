"""Long files in no time."""

from pathlib import Path

import av


def repeated(source: Path, target: Path, times: int, seconds: float) -> Path:
    """The same packets of a file of ``seconds`` one after the other, ``times`` over."""
    with av.open(str(source)) as first, av.open(str(target), "w") as written:
        streams = {stream.type: written.add_stream_from_template(stream) for stream in first.streams}
        for turn in range(times):
            with av.open(str(source)) as given:
                for packet in given.demux():
                    if packet.dts is not None:
                        shift = round(seconds * turn / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = streams[packet.stream.type]
                        written.mux(packet)
    return target
