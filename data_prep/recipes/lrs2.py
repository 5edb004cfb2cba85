"""LRS2-BBC: sentences from BBC television, already cut into face tracks of 160 x 160 pixels at 25 fps.

Source: Chung, Senior, Vinyals, Zisserman, "Lip reading sentences in the wild", CVPR 2017; Afouras et al.,
arXiv 1809.02108. https://www.robots.ox.ac.uk/~vgg/data/lip_reading/lrs2.html

Licence: copyright BBC, for non-commercial research by people who have an agreement with the BBC, which is a form to
sign: https://www.bbc.co.uk/rd/projects/lip-reading-datasets. Neither clips nor lists may be passed on.

Layout: as the archive unpacks, the four lists inside mvlrs_v1 or beside it.

    mvlrs_v1/
      main/<video>/00001.mp4, 00001.txt           train, val and test
      pretrain/<video>/00001.mp4, 00001.txt       longer pieces; the .txt also times each word
      pretrain.txt  train.txt  val.txt  test.txt  "<video>/00001" a line; in test.txt with a word, NF or MV, after it

<video> is a broadcast, not a speaker. The text of a clip is the first line of its .txt, "Text:  ..."; the word in
test.txt is kept as ``tag``. Files that are in no list are left out; so is a list whose folder was not downloaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from avsync.data.sources import Source, wrong_layout

LICENCE = "copyright BBC, non-commercial research under agreement"
FOLDERS = {"pretrain": "pretrain", "train": "main", "val": "main", "test": "main"}


def sources(root: Path) -> Iterator[Source]:
    """Every clip that a list names: pretrain, train, val, test, each sorted.

    Args:
        root: ``mvlrs_v1`` or the folder that holds it.

    Raises:
        AvsyncError: There is no list with its folder.
    """
    data = root / "mvlrs_v1" if (root / "mvlrs_v1").is_dir() else root
    lists = {split: _list(data, split) for split, folder in FOLDERS.items() if (data / folder).is_dir()}
    if not any(lists.values()):
        raise wrong_layout(root, "LRS2: mvlrs_v1 with main/ or pretrain/ and the lists train.txt, val.txt, test.txt")
    for split, path in lists.items():
        for line in sorted(path.read_text(encoding="utf-8").splitlines()) if path else ():
            if line.strip():
                yield _source(data, FOLDERS[split], split, *line.split()[:2])


def _list(data: Path, split: str) -> Path | None:
    return next((path for path in (data / f"{split}.txt", data.parent / f"{split}.txt") if path.is_file()), None)


def _source(data: Path, folder: str, split: str, clip: str, tag: str = "") -> Source:
    path = data / folder / f"{clip}.mp4"
    meta = {"video": path.parent.name, "licence": LICENCE} | ({"tag": tag} if tag else {})
    return Source(path, f"{folder}/{clip}", split=split, meta=meta | transcript(path))


def transcript(video: Path) -> dict[str, str]:
    """``{"text": ...}`` from the .txt beside a clip of LRS2 or LRS3; empty when there is none."""
    path = video.with_suffix(".txt")
    if not path.is_file():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    return {"text": first.removeprefix("Text:").strip()} if first.startswith("Text:") else {}
