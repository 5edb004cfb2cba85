"""AudioSet: 2.1 million intervals of 10 s of YouTube videos, each with some of 527 labels of what is heard.

Source: Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events", ICASSP 2017.
https://research.google.com/audioset/download.html gives lists; the videos everybody downloads for themselves.

Licence: the lists CC BY 4.0, the ontology CC BY-SA 4.0; the copyright of the videos stays with their owners.

Layout: the lists of the sets you have, the names of the labels if you have them, and videos in any folders below.

    AudioSet/
      balanced_train_segments.csv  unbalanced_train_segments.csv  eval_segments.csv
      class_labels_indices.csv     index,mid,display_name; without it labels stay mids
      .../<id>.mp4

    # YTID, start_seconds, end_seconds, positive_labels        the third of three comment lines
    -0RWZT-miFs, 420.000, 430.000, "/m/03v3yw,/m/0k4j"

Videos are found by these names, which downloaders give them, the first that exists:

    <id>_420000_430000.mp4    cut, milliseconds (Synchformer)
    <id>_420_430.mp4          cut, seconds
    <id>_420.000.mp4          cut, seconds as the list writes them (audioset-processing)
    Y<id>.mp4                 cut (PANNs)
    <id>.mp4                  the whole video, of which the interval is taken

There are data sets of cut clips that are called <id>.mp4 all the same: rename those to Y<id>.mp4, or the interval is
looked for in a file that ends before it. Splits are balanced_train, unbalanced_train and eval, which share no video.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from avsync.data.sources import Source, wrong_layout
from avsync.errors import AvsyncError

from .youtube import index, locate

LICENCE = "lists CC BY 4.0; videos belong to their owners"
SPLITS = ("balanced_train", "unbalanced_train", "eval")


def sources(root: Path) -> Iterator[Source]:
    """Every interval of the lists: balanced_train, unbalanced_train, eval, each sorted by id and start.

    Raises:
        AvsyncError: There is none of the three lists, or a line is not id, start, end, labels.
    """
    tables = {split: root / f"{split}_segments.csv" for split in SPLITS}
    if not any(table.is_file() for table in tables.values()):
        raise wrong_layout(root, "AudioSet: balanced_train_segments.csv or eval_segments.csv and the videos below")
    names, files = label_names(root / "class_labels_indices.csv"), index(root)
    for split, table in tables.items():
        for video, start, end, labels in sorted(_rows(table)) if table.is_file() else ():
            cut = (
                f"{video}_{round(1000 * start)}_{round(1000 * end)}",
                f"{video}_{start:g}_{end:g}",
                f"{video}_{start:.3f}",
                f"Y{video}",
            )
            path, begin, stop = locate(files, root, cut, video, (start, end))
            meta = {"video": video, "labels": [names.get(mid, mid) for mid in labels], "licence": LICENCE}
            yield Source(path, f"{split}/{cut[0]}", split=split, start=begin, end=stop, meta=meta)


def label_names(table: Path) -> dict[str, str]:
    """``{"/m/09x0r": "Speech", ...}`` from class_labels_indices.csv; empty when there is no such file."""
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream)
        if not {"mid", "display_name"} <= set(rows.fieldnames or ()):
            raise AvsyncError(f"{table} has columns {rows.fieldnames}; expected index, mid, display_name")
        return {row["mid"]: row["display_name"] for row in rows}


def _rows(table: Path) -> Iterator[tuple[str, float, float, list[str]]]:
    with table.open(encoding="utf-8", newline="") as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith("#") or not line.strip():
                continue
            try:
                video, start, end, labels = next(csv.reader([line], skipinitialspace=True))
                row = video, float(start), float(end), labels.split(",")
            except ValueError as error:
                wanted = 'expected id, start, end, "labels"'
                raise AvsyncError(f"{table}, line {number}: {line.strip()!r}; {wanted}") from error
            yield row
