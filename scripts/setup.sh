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
# npm may hold back install steps; the one of Bun moves the binary for this machine to its place, which works once.
place() { [ "$("$1/bin/bun.exe" --version 2>/dev/null)" = "$version" ] || node "$1/install.js" >/dev/null; }
place "$first"
"$first/bin/bun.exe" install --frozen-lockfile --ignore-scripts --silent
place node_modules/bun
node_modules/bun/bin/bun.exe --version >/dev/null
cp bun.lock node_modules/.installed-lock
