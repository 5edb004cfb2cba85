"""VoxCeleb2: interviews with 6,112 celebrities on YouTube, already cut into face tracks of 224 x 224 pixels at 25 fps.

Source: Chung, Nagrani, Zisserman, "VoxCeleb2: Deep Speaker Recognition", arXiv 1806.05622.
https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html

Licence: CC BY 4.0 by its authors; the copyright of the videos stays with their owners.

Layout: the archives of the videos unpacked into dev and test, beside them those of the sound and the speakers' table
if you have them.

    VoxCeleb2/
      dev/mp4/id00012/<video>/00001.mp4     dev: 5,994 people
      dev/aac/id00012/<video>/00001.m4a     the same stretch, sound only
      test/mp4/..., test/aac/...            test: 118 others
      vox2_meta.csv                         VoxCeleb2 ID, VGGFace2 ID, Gender, Set

The sound comes twice: AV-HuBERT reads it from the mp4, Auto-AVSR from the archive of the sound. The mp4 knows best how
it belongs to the picture; an .m4a, or a .wav made of it, is named as the ``audio`` for mp4 that were copied without.

The table is written with tabs or with commas, and spaces around every value; both are read. ``dev`` has no val: hold
out speakers, whose ids are in the clips.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from avsync.data.sources import Source, wrong_layout
from avsync.errors import AvsyncError

LICENCE = "CC BY 4.0; videos belong to their owners"
SPLITS = ("dev", "test")


def sources(root: Path) -> Iterator[Source]:
    """Every clip: dev, test, each sorted by speaker, video, number.

    Raises:
        AvsyncError: Neither folder holds a clip, or vox2_meta.csv is something else.
    """
    files = {split: sorted((root / split / "mp4").glob("id*/*/*.mp4")) for split in SPLITS}
    if not any(files.values()):
        raise wrong_layout(root, "VoxCeleb2: dev/mp4 or test/mp4 with id00012/<video>/00001.mp4")
    genders = read_genders(root / "vox2_meta.csv")
    for split, paths in files.items():
        for path in paths:
            clip = path.relative_to(root / split / "mp4").with_suffix("")
            speaker, video = clip.parts[:2]
            meta = {"speaker": speaker, "video": video, "licence": LICENCE}
            if speaker in genders:
                meta["gender"] = genders[speaker]
            sound = (root / split / "aac" / clip.with_suffix(suffix) for suffix in (".m4a", ".wav"))
            audio = next((file for file in sound if file.is_file()), None)
            yield Source(path, f"{split}/{clip.as_posix()}", split=split, audio=audio, meta=meta)


def read_genders(table: Path) -> dict[str, str]:
    """``{"id00012": "m", ...}`` from vox2_meta.csv; empty when there is no such file."""
    if not table.is_file():
        return {}
    text = table.read_text(encoding="utf-8-sig")
    rows = csv.reader(text.splitlines(), delimiter="\t" if "\t" in text.partition("\n")[0] else ",")
    header, *people = [[cell.strip() for cell in row] for row in rows if row] or [[]]
    if not {"VoxCeleb2 ID", "Gender"} <= set(header):
        raise AvsyncError(f"{table} has columns {header}; expected VoxCeleb2 ID and Gender; replace or remove the file")
    records = (dict(zip(header, person, strict=False)) for person in people)
    return {record["VoxCeleb2 ID"]: record.get("Gender", "") for record in records}
