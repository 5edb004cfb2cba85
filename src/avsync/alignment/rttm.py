"""Turns as RTTM, NIST's format for who speaks when, which diarization tools read and score."""

from __future__ import annotations

import re
from pathlib import Path

from avsync.alignment.speakers import Speakers

NOBODY = "none"
"""Name of the speaker for a voice that is none of the faces' on screen."""


def rttm(found: Speakers) -> str:
    """One ``SPEAKER`` line a turn: file, channel 1, start and length in seconds, and ``face0``, ``face1``... or none.

    The file is named without folder and suffix, with no blanks, which RTTM cannot hold.
    """
    name = re.sub(r"\s+", "_", Path(found.file).stem) or "file"
    lines = []
    for turn in found.turns:
        who = NOBODY if turn.face is None else f"face{turn.face}"
        lines.append(f"SPEAKER {name} 1 {turn.start:.3f} {turn.end - turn.start:.3f} <NA> <NA> {who} <NA> <NA>\n")
    return "".join(lines)
