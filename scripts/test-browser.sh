#!/bin/sh
# Prepares a real browser for the tests of the report: Debian's headless Chromium with the libraries that this system
# lacks, unpacked into a folder. Needs apt-get and dpkg but no root, and changes nothing of the system.
# Usage: scripts/test-browser.sh [FOLDER]   (default .cache/browser)
# On a system without Debian's packages, name a Chromium with VIRNUCPRO_TEST_BROWSER; then this does nothing.
set -eu
cd "$(dirname "$0")/.."
. scripts/support/debian.sh
if [ -n "${VIRNUCPRO_TEST_BROWSER:-}" ]; then exit 0; fi
target=${1:-.cache/browser}
wanted='chromium-headless-shell layout 1'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
rm -rf "$target"
mkdir -p "$target"
target=$(cd "$target" && pwd -P)

unpack_packages "$target" chromium-headless-shell
if [ -z "$packages" ]; then
  # It is on the system already.
  binary=$(command -v chromium-headless-shell)
else
  binary=$(find "$target/root" -type f -name 'chromium-headless-shell' -size +1M | head -n 1)
  if [ -z "$binary" ]; then
    echo "test-browser.sh: the packages hold no chromium-headless-shell: $packages" >&2
    exit 1
  fi
fi

libraries=$(library_path "$target/root")
cat > "$target/fonts.conf" <<FONTS
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>/usr/share/fonts</dir><dir>$target/root/usr/share/fonts</dir><cachedir>$target/fonts</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
</fontconfig>
FONTS
cat > "$target/browser" <<WRAPPER
#!/bin/sh
export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export FONTCONFIG_FILE="$target/fonts.conf"
exec "$binary" "\$@"
WRAPPER
chmod +x "$target/browser"
"$target/browser" --no-sandbox --version >/dev/null
echo "$wanted" > "$target/installed"
