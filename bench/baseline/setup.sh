#!/bin/sh
# Prepares the Python that benches and tests compare with: torch, fair-esm, transformers, ONNX and others.
# Usage: bench/baseline/setup.sh [FOLDER]   (default .cache/test-python)
set -eu
cd "$(dirname "$0")/../.."
target=${1:-.cache/test-python}
wanted='torch==2.8.0 numpy==2.4.6 fair-esm==2.0.0 transformers==4.57.1 onnx==1.23.2 onnxruntime==1.30.0 tokenizers==0.22.1
biopython==1.88 pandas==2.3.3 protobuf==6.33.1 grpcio-tools==1.76.0 pysam==0.24.1'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
rm -rf "$target"
"${PYTHON:-python3}" -m venv "$target"
# uv unpacks the large wheels of torch several times faster than pip.
"$target/bin/python" -m pip install --quiet --disable-pip-version-check uv
# shellcheck disable=SC2086
"$target/bin/uv" pip install --quiet --no-cache --python "$target/bin/python" $wanted
echo "$wanted" > "$target/installed"
