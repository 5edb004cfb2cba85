"""What the page of a file says in words and tables."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from avsync import clock
from avsync.alignment.chance import percent
from avsync.alignment.measure import FileResult, TrackResult
from avsync.alignment.offset import Estimate
from avsync.evaluation.score import LIMITS
from avsync.media.probe import MediaInfo

ROWS = 300
"""Most rows of the table of the offset over time."""


def verdict(result: FileResult) -> dict[str, str]:
    """Headline, facts, kind and mark of the banner."""
    found, facts = result.estimate, _facts(result)
    if result.verdict == "undecided" or found is None:
        return {"kind": "open", "mark": "?", "headline": f"Undecided: {_open(found)}", "facts": facts}
    said = clock.describe(found.offset)
    said = said[0].upper() + said[1:]
    if result.verdict == "in sync":
        return {"kind": "sync", "mark": "✓", "headline": f"In sync: {said[0].lower()}{said[1:]}", "facts": facts}
    return {"kind": "shifted", "mark": "→" if found.offset < 0 else "←", "headline": said, "facts": facts}


def _open(found: Estimate | None) -> str:
    if found is None:
        return "there is no speech that a face shows"
    if found.at_edge:
        return "the best fit is at the edge of the search, the truth may lie beyond"
    return "the evidence is too weak to name an offset"


def _facts(result: FileResult) -> str:
    found = result.estimate
    if found is None:
        return "Wherever a face is seen it is silent, still or turned away."
    chance = "" if result.chance is None else f"right within a frame: {percent(result.chance)} · "
    return f"{_signed(found.frames)} frames of 40 ms · {chance}confidence {found.confidence:.2f}"


def _signed(number: float) -> str:
    return f"{number:+.0f}".replace("-", "−").replace("+0", "0").replace("−0", "0")


def moved(offset: float | None) -> str:
    """The label of the choice to hear the sound moved."""
    if offset is None or abs(offset) < 0.0005:
        return "moved by the slider"
    return f"repaired: {'delayed' if offset > 0 else 'advanced'} by {abs(1000 * offset):.0f} ms"


def linked(source: str) -> str:
    """The note on a page that does not hold its video."""
    return (
        f'<p class="hint">The video is not in this page: it is played from <a href="{escape(source)}">'
        f"{escape(source)}</a>, beside the page. Move both together.</p>"
    )


def help_text(result: FileResult) -> str:
    """The answer to what one asks next."""
    sign = (
        "<div><h3>The sign</h3><p>A positive offset means that the sound is early: it is heard before the lips move. A "
        "negative one means that it is late. Delaying the sound by the offset puts both together.</p></div>"
    )
    heard = (
        "<div><h3>What people notice</h3><p>"
        f"EBU R37 allows {_limits('ebu_r37')}. By ITU-R BT.1359 people notice nothing within "
        f"{_limits('bt1359_detectability')}, and accept {_limits('bt1359_acceptability')}.</p></div>"
    )
    sure = (
        "<div><h3>Confidence and chance</h3><p>The confidence is how far the best offset stands out: the median of the "
        "curve of distances minus its minimum. Its scale is the network's own, and longer clips need less of it. The "
        f"chance says the same as a probability to be right within one frame; below {percent(result.min_chance)} no "
        "offset is named. It was calibrated on other footage than yours: a guide, not a promise.</p></div>"
    )
    return sign + sure + heard


def _limits(name: str) -> str:
    late, early = LIMITS[name]
    return f"{1000 * early:.0f} ms early to {-1000 * late:.0f} ms late"


def advice(result: FileResult, options: Sequence[str]) -> str:
    """What to do now: the command that repairs the file, with what it was measured with, where it needs repair."""
    path = Path(result.file)
    if result.verdict == "undecided":
        return (
            "<p>Nothing yet: an offset that is not sure would do more harm than good. A longer stretch with a face "
            "that speaks towards the camera helps most; music, several voices, dubbing and turned heads do not. A "
            "bright line in the matrix that is there all the time is an offset even so.</p>"
        )
    fixed = shlex.quote(str(path.with_name(f"{path.stem}.fixed{path.suffix}")))
    given = shlex.quote(str(path))
    how = "".join(f" {shlex.quote(word)}" for word in options)
    command = (
        f'<div class="command"><code>avsync fix {escape(given)} {escape(fixed)}{escape(how)}</code>'
        '<button type="button" data-copy>Copy</button></div>'
    )
    if result.verdict == "in sync":
        return f"<p>Nothing: it is within what EBU R37 calls in sync. To take out the rest all the same:</p>{command}"
    return f"<p>Listen to it repaired, above. This writes a repaired copy and leaves the file as it is:</p>{command}"


def tracks(result: FileResult, lanes: dict[int, int]) -> str:
    """A row a face, with its curve."""
    rows = "".join(_row(track, lanes[track.id], result) for track in result.tracks)
    return (
        '<p class="hint" id="tracks-hint">Every face in every shot, its answer, and its distance for every offset '
        "that was tried: the lowest is the answer.</p>"
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="h-tracks">'
        '<table aria-describedby="tracks-hint">'
        '<thead><tr><th scope="col">Face<th scope="col">from<th scope="col">to<th scope="col">offset<th scope="col">'
        'frames<th scope="col">confidence<th scope="col">right within a frame<th scope="col">distance by offset</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _row(track: TrackResult, lane: int, result: FileResult) -> str:
    found = track.estimate
    dot = f'<span class="dot" style="--face: var(--face{lane % 4})" aria-hidden="true"></span>'
    if found is None:
        answer = "<td>no speech shown<td>–<td>–<td>–<td>–"
    else:
        decided = track.decided(result.min_chance)
        offset, frames = (
            (f"{_signed(1000 * found.offset)} ms", _signed(found.frames)) if decided else ("undecided", "–")
        )
        chance = "not calibrated" if track.chance is None else percent(track.chance)
        answer = f'<td>{offset}<td>{frames}<td>{found.confidence:.2f}<td>{chance}<td class="curve">{_curve(found)}'
    return f'<tr><th scope="row">{dot}{track.id}</th><td>{track.start:.2f} s<td>{track.end:.2f} s{answer}</tr>'


def _curve(found: Estimate) -> str:
    """A small plot."""
    values = found.curve.numpy().astype(float)
    known = np.flatnonzero(~np.isnan(values))
    step = max(1, len(known) // 200)
    low, high = np.nanmin(values), np.nanmax(values)
    across, down = 160 / max(1, len(values) - 1), 32 / max(high - low, 1e-9)
    points = " ".join(f"{4 + across * k:.1f},{36 - down * (values[k] - low):.1f}" for k in known[::step])
    best = found.frames + found.search
    said = f"lowest at {_signed(found.frames)} frames, {low:.2f}; median {np.nanmedian(values):.2f}"
    return (
        f'<svg role="img" aria-label="{escape(said)}" width="168" height="40" viewBox="0 0 168 40" fill="none">'
        f'<path d="M84 2V38" stroke="var(--line)"/>'
        f'<polyline points="{points}" stroke="var(--soft)" stroke-width="1.5"/>'
        f'<circle cx="{4 + across * best:.1f}" cy="36" r="3" fill="var(--off)"/></svg>'
    )


def table(result: FileResult, duration: float) -> str:
    """The offset over time as text: a row for every face and second, fewer for long files."""
    every = 0.4 if duration <= 0.4 * ROWS else math.ceil(duration / ROWS)
    rows: list[tuple[float, str]] = []
    for track in result.tracks:
        due = -math.inf
        for time, run in track.windows:
            if time < due:
                continue
            due = time + every - 0.01
            rows.append((time, f"<td>{track.id}<td>{_signed(1000 * run.offset)} ms<td>{run.confidence:.2f}"))
    if not rows:
        return "<p>There is no speech that a face shows, anywhere.</p>"
    body = "".join(f'<tr><th scope="row">{time:.2f} s</th>{cells}</tr>' for time, cells in sorted(rows))
    return (
        f"<details><summary>{len(rows)} rows, one every {every:g} s</summary>"
        '<p class="hint">Single runs of 0.6 s are unsure; their confidence tells how much.</p>'
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="h-table"><table>'
        '<thead><tr><th scope="col">time<th scope="col">face<th scope="col">offset'
        '<th scope="col">confidence</tr></thead>'
        f"<tbody>{body}</tbody></table></div></details>"
    )


def footer(result: FileResult, info: MediaInfo, checkpoint: str, version: str) -> str:
    """What was measured with what."""
    video, audio = info.video, info.audio
    assert video is not None and audio is not None
    return escape(
        f"{result.file}: {info.duration:.2f} s, {video.width} × {video.height}, {video.fps:.5g} pictures a second, "
        f"{video.codec}, {audio.codec} at {audio.sample_rate} Hz. Measured by avsync {version} with {checkpoint}."
    )
