#!/bin/sh
# Prepares a real terminal for the tests of the live display: tmux, that of the system or else Debian's, unpacked into a
# folder with the libraries that this system lacks. Needs apt-get and dpkg but no root, and changes nothing of the system.
# Usage: scripts/test-terminal.sh [FOLDER]   (default .cache/terminal)
set -eu
cd "$(dirname "$0")/.."
target=${1:-.cache/terminal}
wanted='tmux layout 1'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ] && "$target/tmux" -V >/dev/null 2>&1; then exit 0; fi
rm -rf "$target"
mkdir -p "$target/lists/partial" "$target/archives/partial" "$target/packages" "$target/root"
target=$(cd "$target" && pwd -P)
binary=$(command -v tmux || true)
if [ -z "$binary" ]; then
  # Lists of our own: those of the system may be missing or stale, and only root may bring them up to date.
  apt() {
    apt-get -qq -o "Dir::State::lists=$target/lists" -o "Dir::Cache::archives=$target/archives" \
      -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
      -o "APT::Sandbox::User=$(id -un)" -o Debug::NoLocking=1 -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
  }
  apt update
  packages=$(apt install --simulate --no-install-recommends tmux |
    sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1=\2/p')
  # shellcheck disable=SC2086
  (cd "$target/packages" && apt download $packages)
  for package in "$target"/packages/*.deb; do dpkg-deb --extract "$package" "$target/root"; done
  binary="$target/root/usr/bin/tmux"
fi
rm -rf "$target/lists" "$target/archives" "$target/packages"

libraries=$(find "$target/root" -name '*.so*' -exec dirname {} + | sort -u | paste -s -d : -)
cat > "$target/tmux" <<WRAPPER
#!/bin/sh
libraries="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
if [ -n "\$libraries" ]; then export LD_LIBRARY_PATH="\$libraries"; fi
exec "$binary" "\$@"
WRAPPER
chmod +x "$target/tmux"
"$target/tmux" -V >/dev/null
echo "$wanted" > "$target/installed"
