#!/bin/sh
# Builds the package before npm or Bun packs it. Their output is on standard output, so nothing else may be.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh >&2
exec node_modules/bun/bin/bun.exe scripts/build.ts >&2
