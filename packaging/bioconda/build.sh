#!/bin/bash
set -euo pipefail
mkdir -p "$PREFIX/bin" "$PREFIX/share/virnucpro"
cp -R bin lib "$PREFIX/share/virnucpro/"
ln -s ../share/virnucpro/bin/virnucpro "$PREFIX/bin/virnucpro"
