"""LRS3-TED: sentences from TED and TEDx talks, already cut into face tracks of 224 x 224 pixels at 25 fps.

Source: Afouras, Chung, Zisserman, "LRS3-TED: a large-scale dataset for visual speech recognition", arXiv 1809.00496.
Home page https://mmai.io/datasets/lip_reading/, whose downloads people have reported as gone since the end of 2024.

Licence: that page is quoted as giving the data set under CC BY 4.0; the talks themselves are TED's, whose policy is
CC BY-NC-ND 4.0. Read both pages before you pass anything on: the clips here are marked with the stricter one.

Layout:

    LRS3/
      pretrain/<talk>/00001.mp4, 00001.txt    whole stretches; the .txt also times each word
      trainval/<talk>/50001.mp4, 50001.txt    sentences
      test/<talk>/00001.mp4, 00001.txt

<talk> is a YouTube id. The text of a clip is the first line of its .txt, "Text:  ...".

Splits: pretrain and test as they are; trainval is train. There is no official val, and everybody carves one out of
trainval (AV-HuBERT, arXiv 2201.02184, draws 1,200 clips). Here val is whole talks, one in 50 by the SHA-256 of its
id, out of pretrain as well as out of trainval, so that no talk is both trained on and held out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from avsync.data.sources import Source, wrong_layout

from .lrs2 import transcript

LICENCE = "talks: TED, CC BY-NC-ND 4.0"
SPLITS = {"pretrain": "pretrain", "trainval": "train", "test": "test"}


def sources(root: Path) -> Iterator[Source]:
    """Every clip: pretrain, trainval, test, each sorted.

    Raises:
        AvsyncError: None of the three folders holds a clip.
    """
    files = {folder: sorted((root / folder).glob("*/*.mp4")) for folder in SPLITS}
    if not any(files.values()):
        raise wrong_layout(root, "LRS3: pretrain/, trainval/ and test/ with <talk>/<number>.mp4")
    for folder, paths in files.items():
        for path in paths:
            talk = path.parent.name
            split = "val" if folder != "test" and held_out(talk) else SPLITS[folder]
            meta = {"video": talk, "licence": LICENCE} | transcript(path)
            yield Source(path, f"{folder}/{talk}/{path.stem}", split=split, meta=meta)


def held_out(talk: str) -> bool:
    """Whether a talk is one of those in 50 that make up val."""
    return int(hashlib.sha256(talk.encode()).hexdigest(), 16) % 50 == 0
