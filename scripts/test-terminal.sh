#!/bin/sh
# Prepares a real terminal for the tests of the live display: tmux, that of the system or else Debian's, unpacked into a
# folder with the libraries that this system lacks. Needs apt-get and dpkg but no root, and changes nothing of the system.
# Usage: scripts/test-terminal.sh [FOLDER]   (default .cache/terminal)
set -eu
cd "$(dirname "$0")/.."
. scripts/support/debian.sh
target=${1:-.cache/terminal}
wanted='tmux layout 1'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ] && "$target/tmux" -V >/dev/null 2>&1; then exit 0; fi
rm -rf "$target"
mkdir -p "$target/root"
target=$(cd "$target" && pwd -P)
binary=$(command -v tmux || true)
if [ -z "$binary" ]; then
  unpack_packages "$target" tmux
  binary="$target/root/usr/bin/tmux"
fi

libraries=$(library_path "$target/root")
cat > "$target/tmux" <<WRAPPER
#!/bin/sh
libraries="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
if [ -n "\$libraries" ]; then export LD_LIBRARY_PATH="\$libraries"; fi
exec "$binary" "\$@"
WRAPPER
chmod +x "$target/tmux"
"$target/tmux" -V >/dev/null
echo "$wanted" > "$target/installed"
