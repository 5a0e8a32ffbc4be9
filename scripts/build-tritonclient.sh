#!/bin/sh
# Builds the package tritonclient-ts out of src/tritonclient: JavaScript and type declarations for Node and Bun.
#   scripts/build-tritonclient.sh FOLDER         FOLDER becomes the whole package: `npm publish FOLDER`
#   scripts/build-tritonclient.sh --dist FOLDER  only FOLDER/dist; `npm pack` in src/tritonclient does this by itself
set -eu
from=$(pwd)
cd "$(dirname "$0")/.."
source=$PWD/src/tritonclient
whole=yes
if [ "${1:-}" = --dist ]; then
  whole=no
  shift
fi
case $1 in
  /*) target=$1 ;;
  *) target=$from/$1 ;;
esac
mkdir -p "$target"
rm -rf "$target/dist"
node_modules/.bin/tsc -p "$source/tsconfig.build.json" --outDir "$target/dist"
if [ $whole = yes ]; then
  mkdir -p "$target/proto"
  cp "$source/README.md" "$source/LICENSE" "$target/"
  cp "$source"/proto/*.proto "$target/proto/"
  # The scripts are of use in the repository only.
  node -e '
    const { readFileSync, writeFileSync } = require("node:fs")
    const { scripts, ...manifest } = JSON.parse(readFileSync(process.argv[1], "utf8"))
    writeFileSync(process.argv[2], JSON.stringify(manifest, null, 2) + "\n")
  ' "$source/package.json" "$target/package.json"
fi
