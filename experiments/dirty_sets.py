"""Dirty sets from clean shards: known damage in a known share, the truth in each clip's JSON.

python experiments/dirty_sets.py data/synthetic_talkers/prepared/train --out data/dirty/train --share 0.3
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from avsync.data.dirty import KINDS, write_dirty
from avsync.data.shards import read_clips


def main() -> None:
    """Write the set and count what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clean", type=Path, help="folder of shards")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.3, help="of clips that are damaged (default 0.3)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help=", ".join(KINDS))
    options = parser.parse_args()
    write_dirty(options.clean, options.out, options.share, options.seed, kinds=options.kinds)
    kinds = Counter(clip.meta["damage"] or "clean" for clip in read_clips(options.out))
    print(f"{options.out}: " + ", ".join(f"{kinds[kind]} {kind}" for kind in ("clean", *KINDS)))


if __name__ == "__main__":
    main()
