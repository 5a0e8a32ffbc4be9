#!/bin/bash
# Packs what whole.sh needs beside this checkout, for a machine without a network: Bun, the packages that the program
# runs with, and the tokenizer.json of DNABERT-S. TensorRT and Triton are packed apart.
# Usage: VIRNUCPRO_BENCH_TOKENIZER=tokenizer.json bench/gpu/pack.sh OUT_DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
tokenizer=${VIRNUCPRO_BENCH_TOKENIZER:?name the tokenizer.json of DNABERT-S}
cp "$tokenizer" "$out/tokenizer.json"
xz -6 -T0 -c "$root/node_modules/bun/bin/bun.exe" > "$out/bun.xz"
cd "$root"
# The packages of package.json's dependencies and theirs; of ONNX Runtime this platform's library only.
names=$("$root/node_modules/bun/bin/bun.exe" -e '
  const { readFileSync, existsSync } = require("node:fs")
  const found = new Set()
  const add = (name) => {
    const path = `node_modules/${name}/package.json`
    if (found.has(name) || !existsSync(path)) return
    found.add(name)
    for (const next of Object.keys(JSON.parse(readFileSync(path, "utf8")).dependencies ?? {})) add(next)
  }
  for (const name of Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies)) add(name)
  console.log([...found].map((name) => `node_modules/${name}`).join("\n"))')
# shellcheck disable=SC2086
tar -c --exclude='node_modules/onnxruntime-node/bin/napi-v*/darwin' --exclude='node_modules/onnxruntime-node/bin/napi-v*/win32' \
  --exclude='node_modules/onnxruntime-node/bin/napi-v*/linux/arm64' --exclude='*.map' $names | xz -6 -T0 > "$out/node_modules.tar.xz"
(cd "$out" && sha256sum bun.xz node_modules.tar.xz tokenizer.json > PACK_SHA256SUMS)
find "$out" -maxdepth 1 -size +58M -name '*.xz' -printf '%f is larger than 58 MB\n'
ls -l "$out"
