#!/usr/bin/env bash
# joblib 1.6.0 (its loky 3.6.0), psutil 7.2.2, Python 3.11, Linux.
#
# Expected: a ProcessPoolExecutor keeps its processes until it is shut down, however much memory a task leaves behind,
# as that of the standard library does. Trainings with a deep-learning library leave some hundred MB behind each.
# Seen: where psutil is installed, a process whose memory has grown by 300 MB since it began ends after a task and
# another is started in its place, with the warning "A worker stopped while some jobs were given to the executor". All
# results arrive. Each new process imports everything again. Without psutil the processes stay.
# Source: joblib/externals/loky/process_executor.py, _MAX_MEMORY_LEAK_SIZE.
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/work.py" <<'PYTHON'
import os
import time

KEPT = []


def train(number):
    """Keep 200 MB, as a trained network and its compiled graph would."""
    KEPT.append(bytearray(os.urandom(1) * 200_000_000))
    time.sleep(1.5)
    return number, os.getpid()
PYTHON
cat > "$folder/grow.py" <<'PYTHON'
import warnings

from joblib.externals.loky import ProcessPoolExecutor
from work import train

if __name__ == "__main__":
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ProcessPoolExecutor(1) as pool:
            found = list(pool.map(train, range(6)))
    told = any("A worker stopped while some jobs were given" in str(one.message) for one in caught)
    print(len(found), "results,", len({pid for _, pid in found}), "processes of 1, warning:", told)
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet joblib==1.6.0 2> /dev/null
without=$(cd "$folder" && venv/bin/python grow.py)
"$folder/venv/bin/pip" install --quiet psutil==7.2.2 2> /dev/null
with=$(cd "$folder" && venv/bin/python grow.py)
printf 'without psutil: %s\nwith psutil: %s\n' "$without" "$with"
[[ $without == "6 results, 1 processes of 1, warning: False" ]]
[[ $with == "6 results, "[2-6]" processes of 1, warning: True" ]]
