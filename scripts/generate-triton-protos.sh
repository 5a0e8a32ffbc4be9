#!/usr/bin/env bash
# Regenerates packages/tritonclient-ts/src/proto/*_pb.ts from the .proto files beside them. Needs `npm ci`; no network.
# With --check it changes nothing and fails when a committed file is out of date.
set -euo pipefail
cd "$(dirname "$0")/.."

protos=packages/tritonclient-ts/src/proto
out=$protos
if [[ ${1:-} == --check ]]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi

PATH="$PWD/node_modules/.bin:$PATH" node_modules/.bin/buf generate $protos \
  --template "{\"version\":\"v2\",\"plugins\":[{\"local\":[\"bun\",\"node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es\"],\"out\":\"$out\",\"opt\":[\"target=ts\",\"import_extension=ts\",\"erasable_syntax=true\"]}]}"

if [[ ${1:-} == --check ]]; then
  for file in "$out"/*_pb.ts; do cmp "$file" "$protos/$(basename "$file")"; done
fi
