#!/bin/sh
# Installs the pinned dependencies, Bun among them, from npm. Needs Node and npm only; prints nothing when all is there.
set -eu
cd "$(dirname "$0")/.."
bun=node_modules/bun/bin/bun.exe
if ! cmp -s package-lock.json node_modules/.installed-lock 2>/dev/null; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  # npm may hold back install steps; the one of Bun only puts the binary for this machine in its place.
  node node_modules/bun/install.js >/dev/null
  cp package-lock.json node_modules/.installed-lock
fi
"$bun" --version >/dev/null
