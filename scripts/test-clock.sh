#!/bin/sh
# Prepares clocks that jump, for tests: libfaketime, that of Debian, unpacked into a folder.
# Needs apt-get and dpkg but no root, and changes nothing of the system.
# Usage: scripts/test-clock.sh [FOLDER]   (default .cache/clock)
set -eu
cd "$(dirname "$0")/.."
. scripts/support/debian.sh
target=${1:-.cache/clock}
wanted='libfaketime layout 1'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ] && [ -e "$target/libfaketime.so.1" ]; then exit 0; fi
rm -rf "$target"
mkdir -p "$target"
target=$(cd "$target" && pwd -P)
unpack_packages "$target" libfaketime
library=$(find "$target/root" /usr/lib -name 'libfaketimeMT.so.1' 2>/dev/null | head -n 1)
ln -s "$library" "$target/libfaketime.so.1"
year=$(LD_PRELOAD="$target/libfaketime.so.1" FAKETIME='@2001-02-03 04:05:06' date +%Y)
[ "$year" = 2001 ]
echo "$wanted" > "$target/installed"
