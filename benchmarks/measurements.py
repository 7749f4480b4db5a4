"""What performance.py measures, each in a process of its own: python benchmarks/measurements.py NAME CACHE.

Both sides of a ratio are measured in one process, in turn, and repeated; a figure is the median.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from measure_extraction import disk, engines, extraction
from measure_runs import commands, growth, standard
from measure_training import cnn, fine_tuning, minibatches
from standard_cache import Entries

MEASUREMENTS = (extraction, engines, fine_tuning, minibatches, disk, cnn, standard, commands, growth)

if __name__ == "__main__":
    by_name = {function.__name__: function for function in MEASUREMENTS}
    json.dump(by_name[sys.argv[1]](Entries(Path(sys.argv[2]))), sys.stdout)
