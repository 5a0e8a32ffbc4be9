#!/bin/sh
# Prepares what the tests of faults need: ip, for networks of their own, and strace, for disks that fail; those of the system or else
# Debian's, unpacked into a folder. Needs apt-get and dpkg but no root, and changes nothing of the system.
# Usage: scripts/test-faults.sh [FOLDER]   (default .cache/faults)
set -eu
cd "$(dirname "$0")/.."
. scripts/support/debian.sh
target=${1:-.cache/faults}
wanted='iproute2 strace layout 1'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
rm -rf "$target"
mkdir -p "$target/bin"
target=$(cd "$target" && pwd -P)
for tool in unshare nsenter mount python3; do
  if ! command -v "$tool" >/dev/null; then
    echo "test-faults.sh: $tool is missing (Debian: apt-get install util-linux mount python3)" >&2
    exit 1
  fi
done
missing=
command -v ip >/dev/null || missing="$missing iproute2"
command -v strace >/dev/null || missing="$missing strace"
# shellcheck disable=SC2086
if [ -n "$missing" ]; then unpack_packages "$target" $missing; fi
mkdir -p "$target/root"
libraries=$(library_path "$target/root")
for name in ip strace; do
  binary=$(command -v "$name" || find "$target/root" -path "*bin/$name" | head -n 1)
  cat > "$target/bin/$name" <<WRAPPER
#!/bin/sh
if [ -n "$libraries" ]; then export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"; fi
exec "$binary" "\$@"
WRAPPER
  chmod +x "$target/bin/$name"
done
"$target/bin/ip" -V >/dev/null
"$target/bin/strace" -V >/dev/null
echo "$wanted" > "$target/installed"
