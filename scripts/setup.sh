#!/bin/sh
# Installs the pinned dependencies: Bun from npm, the rest with Bun from bun.lock. Needs Node and npm only; does
# nothing when all is there.
set -eu
cd "$(dirname "$0")/.."
if cmp -s bun.lock node_modules/.installed-lock 2>/dev/null; then exit 0; fi
version=$(node -p 'require("./package.json").devDependencies.bun')
first=.cache/bun/node_modules/bun
if [ "$(node -p "require('./$first/package.json').version" 2>/dev/null)" != "$version" ]; then
  mkdir -p .cache/bun
  npm install --prefix .cache/bun --ignore-scripts --no-save --no-audit --no-fund --loglevel=error "bun@$version"
fi
# npm may hold back install steps; the one of Bun only puts the binary for this machine in its place.
node "$first/install.js" >/dev/null
"$first/bin/bun.exe" install --frozen-lockfile --ignore-scripts --silent
node node_modules/bun/install.js >/dev/null
node_modules/bun/bin/bun.exe --version >/dev/null
cp bun.lock node_modules/.installed-lock
