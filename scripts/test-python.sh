#!/bin/sh
# Prepares the Python that tests compare with: it is that of the benches, since a second torch would take gigabytes more.
# Usage: scripts/test-python.sh [FOLDER]   (default .cache/test-python)
set -eu
cd "$(dirname "$0")/.."
target=${1:-.cache/test-python}
bench/baseline/setup.sh "$target"
# Readers of Parquet, for tests alone.
wanted='pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0'
if [ "$(cat "$target/readers" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
# shellcheck disable=SC2086
"$target/bin/uv" pip install --quiet --no-cache --python "$target/bin/python" $wanted
echo "$wanted" > "$target/readers"
