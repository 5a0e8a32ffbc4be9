#!/bin/sh
# Prepares what the tests of completion and of the manual need: zsh, fish and mandoc, those of the system or else Debian's, unpacked into a
# folder. Needs apt-get and dpkg but no root, and changes nothing of the system.
# Usage: scripts/test-shells.sh [FOLDER]   (default .cache/shells)
set -eu
cd "$(dirname "$0")/.."
. scripts/support/debian.sh
target=${1:-.cache/shells}
wanted='zsh fish mandoc layout 1'
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
rm -rf "$target"
mkdir -p "$target/bin"
target=$(cd "$target" && pwd -P)
missing=
# The static zsh has its modules inside; it finds the others by the place where they were built for.
command -v zsh >/dev/null || missing="$missing zsh-static zsh-common"
command -v fish >/dev/null || missing="$missing fish"
command -v mandoc >/dev/null || missing="$missing mandoc"
# shellcheck disable=SC2086
if [ -n "$missing" ]; then unpack_packages "$target" $missing; fi
mkdir -p "$target/root/usr/bin"
# fish looks for its files beside itself.
if [ -d "$target/root/etc/fish" ]; then ln -s ../etc "$target/root/usr/etc"; fi
libraries=$(library_path "$target/root")
functions=$(find "$target/root/usr/share/zsh/functions" -type d 2>/dev/null | paste -s -d : -)
for name in zsh fish mandoc; do
  binary=$(command -v "$name" || true)
  if [ -z "$binary" ]; then
    binary=$(find "$target/root" -path '*bin/*' -type f \( -name "$name" -o -name "$name*-static" \) -perm -u+x | head -n 1)
  fi
  cat > "$target/bin/$name" <<WRAPPER
#!/bin/sh
if [ -n "$libraries" ]; then export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"; fi
if [ $name = zsh ] && [ -n "$functions" ]; then export FPATH="$functions"; fi
exec "$binary" "\$@"
WRAPPER
  chmod +x "$target/bin/$name"
done
"$target/bin/zsh" -fc 'autoload -Uz compinit; compinit -D -u; [[ ${#_comps} -gt 0 ]]'
"$target/bin/fish" --version >/dev/null
echo '.TH A 1' | "$target/bin/mandoc" >/dev/null
echo "$wanted" > "$target/installed"
