"""``python -m avsync offset talk.mp4``: the command, where scripts are not on the path."""

import sys

from avsync.cli import main

sys.exit(main())
