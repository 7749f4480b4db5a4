#!/usr/bin/env bash
# mnn 3.6.1, Python 3.11, Linux.
#
# Expected: importing the converter that the wheel contains changes nothing in the environment; the wheel declares NumPy
# as its only dependency.
# Seen: `import MNN.tools.mnnconvert` runs pip, which installs a logging SDK and what that depends on into the
# environment. The extension module _tools, which does the conversion, can be imported by itself and installs nothing.
# Source: MNN/tools/utils/log.py of the wheel.
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mnn==3.6.1 2> /dev/null
count() {
  "$folder/venv/bin/python" -c 'import importlib.metadata as m; print(len({d.name for d in m.distributions()}))'
}
before=$(count)
PATH="$folder/venv/bin:$PATH" "$folder/venv/bin/python" -c 'import _tools' > /dev/null 2>&1
module=$(count)
PATH="$folder/venv/bin:$PATH" "$folder/venv/bin/python" -c 'import MNN.tools.mnnconvert' > /dev/null 2>&1 || true
after=$(count)
printf 'distributions: %s, after the extension module %s, after MNN.tools %s\n' "$before" "$module" "$after"
[[ $module == "$before" && $after -gt $before ]]
