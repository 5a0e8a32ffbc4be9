#!/bin/sh
# Installs what the tests need (Bun and packages from npm, torch, a Triton server and others from PyPI into .cache) and runs every check.
# Ends with the line "N passed, N failed".
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
scripts/test-python.sh
scripts/test-triton.sh
PATH="$PWD/node_modules/.bin:$PATH"
exec node_modules/bun/bin/bun.exe scripts/check.ts
