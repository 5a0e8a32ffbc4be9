#!/bin/sh
# Prepares the MultiQC that reads our table in the tests, in an environment of its own: it wants other versions than the
# Python of scripts/test-python.sh, whose uv installs it.
# Usage: scripts/test-multiqc.sh [FOLDER]   (default .cache/multiqc)
set -eu
cd "$(dirname "$0")/.."
target=${1:-.cache/multiqc}
wanted='multiqc==1.35'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
scripts/test-python.sh
rm -rf "$target"
"${PYTHON:-python3}" -m venv --without-pip "$target"
.cache/test-python/bin/uv pip install --quiet --no-cache --python "$target/bin/python" "$wanted"
echo "$wanted" > "$target/installed"
