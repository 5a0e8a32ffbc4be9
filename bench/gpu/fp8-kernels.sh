#!/bin/bash
# Encoder layers of our own in FP8 for ESM-2 3B on one GPU: every kernel and product by itself, all layers in each variant, then a
# plan of them beside TensorRT's own FP8 plan, in one run of at most six minutes. Lines of JSON on standard output.
# Usage: bench/gpu/fp8-kernels.sh   Settings: WORK, BUN, GRAPHS, TRT_PYTHON (with torch and TensorRT's bindings), MODEL, PARTS (words), SECONDS_IN_ALL.
# To try it without a GPU: MODEL=esm2-8M TRY=1 TRT_PYTHON=.cache/test-python/bin/python bench/gpu/fp8-kernels.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
WORK=${WORK:-/tmp/fp8-kernels}
BUN=${BUN:-/tmp/bun/bun}
TRT_PYTHON=$(command -v "${TRT_PYTHON:-/tmp/trt106/python}")
TRT_PYTHON=$(cd "$(dirname "$TRT_PYTHON")" && pwd)/$(basename "$TRT_PYTHON")
MODEL=${MODEL:-esm2-3B}
mkdir -p "$WORK"
# GRAPHS names a folder of graphs that were made before, for a machine without Bun.
graphs=${GRAPHS:-$WORK/graphs}
[ -e "$graphs/$MODEL-fp8-layer" ] || "$BUN" "$here/make-graphs.ts" "$graphs" > /dev/null
cd "$here"
SECONDS=0
# What cuBLASLt has to say of an error.
export CUBLASLT_LOG_LEVEL=1 CUBLASLT_LOG_FILE=$WORK/cublaslt-%i.log
# Each part in a process of its own: what breaks the GPU's state for one leaves the others.
rm -f "$WORK/settled.json"
for parts in ${PARTS:-kernels products,whole plan hosted theirs}; do
  left=$((${SECONDS_IN_ALL:-330} - SECONDS))
  [ "$left" -gt 20 ] || { echo "{\"parts\": \"$parts\", \"error\": \"out of time\"}"; continue; }
  timeout -k 5 "$left" "$TRT_PYTHON" fp8_kernels.py --graphs "$graphs" --model "$MODEL" --work "$WORK" --parts "$parts" \
    --seconds "$left" ${TRY:+--try-out --layers 2} || echo "{\"parts\": \"$parts\", \"error\": \"exit code $?\"}"
done
sort -u "$WORK"/cublaslt-*.log 2> /dev/null | cut -c1-300 | head -40 >&2 || true
