#!/bin/sh
# Prepares the Python that benches and tests compare with: torch, fair-esm, transformers, ONNX and others. esm-cpp, which
# needs an older numpy, has one of its own in esm-cpp/.
# Usage: bench/baseline/setup.sh [FOLDER]   (default .cache/test-python)
set -eu
cd "$(dirname "$0")/../.."
target=${1:-.cache/test-python}
wanted='torch==2.8.0 numpy==2.4.6 fair-esm==2.0.0 transformers==4.57.1 onnx==1.23.2 onnxruntime==1.30.0 tokenizers==0.22.1
biopython==1.88 pandas==2.3.3 protobuf==6.33.1 grpcio-tools==1.76.0 pysam==0.24.1'
if [ "$(cat "$target/installed" 2>/dev/null)" != "$wanted" ]; then
  rm -rf "$target"
  "${PYTHON:-python3}" -m venv "$target"
  # uv unpacks the large wheels of torch several times faster than pip.
  "$target/bin/python" -m pip install --quiet --disable-pip-version-check uv
  # shellcheck disable=SC2086
  "$target/bin/uv" pip install --quiet --no-cache --python "$target/bin/python" $wanted
  echo "$wanted" > "$target/installed"
fi
older='esm-cpp==0.2.1 numpy==1.26.4'
if [ "$(cat "$target/esm-cpp/installed" 2>/dev/null)" != "$older" ]; then
  rm -rf "$target/esm-cpp"
  "${PYTHON:-python3}" -m venv --without-pip "$target/esm-cpp"
  # shellcheck disable=SC2086
  "$target/bin/uv" pip install --quiet --no-cache --python "$target/esm-cpp/bin/python" $older
  echo "$older" > "$target/esm-cpp/installed"
fi
