"""A plain folder of videos, your own footage.

Source: yours. Licence: yours to know; nothing about it is written into the clips.

Layout: every video below the folder, at any depth. When all of them lie in folders called train, val or test at the
top, those are the splits; otherwise there are none.

    videos/
      train/interview.mp4          name train/interview, split train
      test/2024/talk.mkv           name test/2024/talk, split test

A name is the path without its suffix. Files that only their suffixes tell apart keep them: talk.mp4 and talk.mkv.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from avsync.data.sources import SUFFIXES, Source, videos, wrong_layout

SPLITS = {"train", "val", "test"}


def sources(root: Path) -> Iterator[Source]:
    """Every video below ``root``.

    Raises:
        AvsyncError: There is none.
    """
    files = [path.relative_to(root) for path in videos(root)]
    if not files:
        raise wrong_layout(root, f"videos ({', '.join(SUFFIXES)})")
    split = all(len(file.parts) > 1 and file.parts[0] in SPLITS for file in files)
    bare = Counter(file.with_suffix("").as_posix() for file in files)
    for file in files:
        name = file.with_suffix("").as_posix()
        yield Source(root / file, name if bare[name] == 1 else file.as_posix(), split=file.parts[0] if split else "")
