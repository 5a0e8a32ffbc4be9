#!/bin/bash
# FP8 against BF16 for ESM-2 3B on one GPU, in one run of at most five minutes: whole plans first, then forms of 4 layers
# while time is left. Lines of JSON and a table on standard output. Graphs are made here, weights from a seed on the GPU.
# Usage: bench/gpu/fp8.sh   Settings: WORK, BUN, TRT_PYTHON (with torch and TensorRT's bindings), MODEL, SECONDS_IN_ALL, FORMS.
# To try it without a GPU: MODEL=esm2-8M TRY=1 TRT_PYTHON=.cache/test-python/bin/python bench/gpu/fp8.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
WORK=${WORK:-/tmp/fp8}
BUN=${BUN:-/tmp/bun/bun}
TRT_PYTHON=$(command -v "${TRT_PYTHON:-/tmp/trt106/python}")
TRT_PYTHON=$(cd "$(dirname "$TRT_PYTHON")" && pwd)/$(basename "$TRT_PYTHON")
MODEL=${MODEL:-esm2-3B}
FORMS=${FORMS:-fp8-fused,fp8-gelu-pair-tokens,fp8-gelu-joined-tokens,fp8-without-attention-out,fp8-feed-forward,fp8-erf-pair-tokens,fp8-gelu-tokens}
mkdir -p "$WORK"
# GRAPHS names a folder of graphs that were made before, for a machine without Bun.
graphs=${GRAPHS:-$WORK/graphs}
[ -e "$graphs/$MODEL-fp8-feed-forward" ] || "$BUN" "$here/make-graphs.ts" "$graphs" > /dev/null
cd "$here"
exec "$TRT_PYTHON" fp8.py --graphs "$graphs" --model "$MODEL" --forms "$FORMS" --work "$WORK" \
  --seconds "${SECONDS_IN_ALL:-240}" ${TRY:+--device cpu --no-plan --layers 2}
