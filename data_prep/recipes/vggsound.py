"""VGGSound: 200,000 clips of 10 s from YouTube in which something that sounds is seen, one of 309 labels each.

Source: Chen, Xie, Vedaldi, Zisserman, "VGGSound: A Large-scale Audio-Visual Dataset", ICASSP 2020, arXiv 2004.14368.
https://www.robots.ox.ac.uk/~vgg/data/vggsound/

Licence: CC BY 4.0 by its authors; the copyright of the videos stays with their owners.

Layout: the list, and the videos in any folders below (mirrors have video/, or one folder an archive).

    VGGSound/
      vggsound.csv                               YouTube id, start in seconds, label, train or test; no header line
      vggsound_00/---g-f_I2yQ_000001.mp4         the 10 s that start at second 1
      video/---g-f_I2yQ.mp4                      or the whole video, of which those 10 s are taken

    ---g-f_I2yQ,1,people marching,test
    <id>,21,"engine accelerating, revving, vroom",train      a label with commas stands in quotes

Clips that the list names and nobody has any more are yielded as missing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from avsync.data.sources import Source, wrong_layout
from avsync.errors import AvsyncError

from .youtube import index, locate

LICENCE = "CC BY 4.0; videos belong to their owners"
SECONDS = 10.0


def sources(root: Path) -> Iterator[Source]:
    """Every clip of the list, sorted by id and start.

    Raises:
        AvsyncError: There is no vggsound.csv, or a line of it is not id, start, label, split.
    """
    table = root / "vggsound.csv"
    if not table.is_file():
        raise wrong_layout(root, "VGGSound: vggsound.csv and the videos below")
    files = index(root)
    for video, start, label, split in sorted(_rows(table)):
        name = f"{video}_{start:06d}"
        path, begin, end = locate(files, root, (name,), video, (start, start + SECONDS))
        meta = {"video": video, "labels": [label], "licence": LICENCE}
        yield Source(path, name, split=split, start=begin, end=end, meta=meta)


def _rows(table: Path) -> Iterator[tuple[str, int, str, str]]:
    with table.open(encoding="utf-8-sig", newline="") as stream:
        for row in (rows := csv.reader(stream, skipinitialspace=True)):
            if len(row) != 4 or not row[1].isdigit():
                raise AvsyncError(f"{table}, line {rows.line_num}: {row}; expected id, whole seconds, label, split")
            yield row[0], int(row[1]), row[2], row[3]
