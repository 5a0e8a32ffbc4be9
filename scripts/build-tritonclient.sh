#!/bin/sh
# Builds the package tritonclient-ts as npm takes it: JavaScript and type declarations for Node and Bun.
#   scripts/build-tritonclient.sh FOLDER         FOLDER becomes the package: `npm publish FOLDER`
set -eu
from=$(pwd)
cd "$(dirname "$0")/.."
source=$PWD/packages/tritonclient-ts
case $1 in
  /*) target=$1 ;;
  *) target=$from/$1 ;;
esac
mkdir -p "$target/proto"
rm -rf "$target/dist"
node_modules/.bin/tsc -p "$source" --outDir "$target/dist"
cp "$source/README.md" "$source/LICENSE" "$target/"
cp "$source"/src/proto/*.proto "$target/proto/"
# In the repository, and bundled into virnucpro, the package is its TypeScript; here it is what that compiles to.
node -e '
  const { readFileSync, writeFileSync } = require("node:fs")
  const manifest = JSON.parse(readFileSync(process.argv[1], "utf8"))
  manifest.exports["."] = { types: "./dist/index.d.ts", default: "./dist/index.js" }
  manifest.files = ["dist", "proto/*.proto"]
  writeFileSync(process.argv[2], JSON.stringify(manifest, null, 2) + "\n")
' "$source/package.json" "$target/package.json"
