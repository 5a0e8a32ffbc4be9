#!/bin/sh
# Prepares the Python that tests compare with: numpy and torch read what we write, ONNX and Biopython check it.
# Usage: scripts/test-python.sh [FOLDER]   (default .cache/test-python)
set -eu
cd "$(dirname "$0")/.."
target=${1:-.cache/test-python}
wanted='torch==2.8.0 numpy==2.4.6 onnx==1.23.2 biopython==1.88'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
rm -rf "$target"
"${PYTHON:-python3}" -m venv "$target"
# uv unpacks the large wheels of torch several times faster than pip.
"$target/bin/python" -m pip install --quiet --disable-pip-version-check uv
# shellcheck disable=SC2086
"$target/bin/uv" pip install --quiet --no-cache --python "$target/bin/python" $wanted
echo "$wanted" > "$target/installed"
