#!/bin/sh
# Builds the package tritonclient-ts as npm takes it: JavaScript and type declarations for Node and Bun.
#   scripts/build-tritonclient.sh FOLDER         FOLDER becomes the package: `npm publish FOLDER`
# `npm pack` in packages/tritonclient-ts does the same in its place.
set -eu
from=$(pwd)
cd "$(dirname "$0")/.."
source=$PWD/packages/tritonclient-ts
case $1 in
  /*) target=$1 ;;
  .) target=$from ;;
  *) target=$from/$1 ;;
esac
mkdir -p "$target/proto"
rm -rf "$target/dist"
node_modules/.bin/tsc -p "$source" --outDir "$target/dist" >&2
# The compiler leaves these names in declarations as they are.
find "$target/dist" -name '*.d.ts' -exec sed -i.bak "s/\(['\"]\.[^'\"]*\)\.ts\(['\"]\)/\1.js\2/g" {} +
find "$target/dist" -name '*.bak' -exec rm {} +
cp "$source"/src/proto/*.proto "$target/proto/"
if [ "$target" = "$source" ]; then exit 0; fi
cp "$source/README.md" "$source/LICENSE" "$target/"
node -e '
  const { readFileSync, writeFileSync } = require("node:fs")
  const { scripts, ...manifest } = JSON.parse(readFileSync(process.argv[1], "utf8"))
  writeFileSync(process.argv[2], JSON.stringify(manifest, null, 2) + "\n")
' "$source/package.json" "$target/package.json"
