import os
import sys
from pathlib import Path

# two cores run the suite: libraries that each start a thread a core only get in each other's way
os.environ.setdefault("OMP_NUM_THREADS", "2")
sys.path.insert(0, str(Path(__file__).parent))  # tests share their drawings
