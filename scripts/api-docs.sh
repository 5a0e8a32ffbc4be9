#!/bin/sh
# Generates the documentation of the library into docs/api, which is not committed. TypeDoc needs the JavaScript API of
# TypeScript 6, which the compiler of this project no longer has: both live in .cache/typedoc.
# Usage: scripts/api-docs.sh [--check]   (--check writes nothing; exits non-zero where something public is undocumented)
set -eu
cd "$(dirname "$0")/.."
wanted='typedoc@0.28.20 typescript@6.0.3'
bun=$PWD/node_modules/bun/bin/bun.exe
if [ "$(cat .cache/typedoc/installed 2>/dev/null)" != "$wanted" ]; then
  rm -rf .cache/typedoc
  mkdir -p .cache/typedoc
  echo '{ "private": true }' > .cache/typedoc/package.json
  # shellcheck disable=SC2086
  (cd .cache/typedoc && "$bun" add --exact --ignore-scripts --silent $wanted)
  echo "$wanted" > .cache/typedoc/installed
fi
if [ "${1:-}" = --check ]; then set -- --emit none; else set --; fi
# A field of a schema has several declarations with one comment: TypeDoc warns of each, and cannot be asked not to.
said=$("$bun" .cache/typedoc/node_modules/typedoc/bin/typedoc "$@" 2>&1) && code=0 || code=$?
echo "$said" | grep -v -e 'multiple declarations with a comment' -e 'Found 0 errors' || true
exit $code
