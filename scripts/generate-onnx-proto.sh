#!/usr/bin/env bash
# Regenerates src/onnx/onnx_pb.ts from src/onnx/onnx.proto. Needs `npm ci`; no network.
# With --check it changes nothing and fails when the committed file is out of date.
set -euo pipefail
cd "$(dirname "$0")/.."

out=src/onnx
if [[ ${1:-} == --check ]]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi

PATH="$PWD/node_modules/.bin:$PATH" node_modules/.bin/buf generate src/onnx \
  --path src/onnx/onnx.proto \
  --template "{\"version\":\"v2\",\"plugins\":[{\"local\":[\"bun\",\"node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es\"],\"out\":\"$out\",\"opt\":[\"target=ts\"]}]}"

if [[ ${1:-} == --check ]]; then
  cmp "$out/onnx_pb.ts" src/onnx/onnx_pb.ts
fi
