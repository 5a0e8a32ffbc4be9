#!/bin/sh
# Makes a self-contained archive: Bun, the program, and the libraries of one platform. It needs nothing on the machine
# that it is unpacked on but a C library. Needs Node with npm, Python 3.11 or newer (for a C compiler from PyPI), on Debian or Ubuntu.
# Usage: scripts/build-archive.sh [--arch x64|arm64] [--package FILE.tgz] [FOLDER]
#   --package   the packed package, where it is there already      FOLDER   where the archive goes (default .)
set -eu
from=$(pwd)
cd "$(dirname "$0")/.."
arch=x64
package=
output=$from
while [ $# -gt 0 ]; do
  case $1 in
    --arch) arch=$2; shift ;;
    --package) package=$2; shift ;;
    -*) echo "usage: scripts/build-archive.sh [--arch x64|arm64] [--package FILE.tgz] [FOLDER]" >&2; exit 64 ;;
    *) output=$1 ;;
  esac
  shift
done
absolute() { case $1 in /*) echo "$1" ;; *) echo "$from/$1" ;; esac; }
output=$(absolute "$output")

# libstdc++ and libgcc are those of Debian 11: they ask for no newer C library than ONNX Runtime does.
case $arch in
  x64) bun=linux-x64 deb=amd64 triple=x86_64-linux-gnu target=x86_64-linux-musl
    libstdcxx=5c155c58935870bf3b4bfe769116841c0d286a74f59eccfd5645693ac23f06b1
    libgcc=e478f2709d8474165bb664de42e16950c391f30eaa55bc9b3573281d83a29daf ;;
  arm64) bun=linux-aarch64 deb=arm64 triple=aarch64-linux-gnu target=aarch64-linux-musl
    libstdcxx=7869aa540cc46e9f3d4267d5bde2af0e5b429a820c1d6f1a4cfccfe788c31890
    libgcc=e2fcdb378d3c1ad1bcb64d4fb6b37aab44011152beca12a4944f435a2582df1f ;;
  *) echo "build-archive.sh: --arch is x64 or arm64" >&2; exit 64 ;;
esac

scripts/setup.sh >&2
cache=$PWD/.cache/archive
mkdir -p "$cache" "$output"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT INT TERM

field() { node -p "require('./package.json').$1"; }
version=$(field version)
name=virnucpro-$version-linux-$arch
root=$stage/$name
program=$root/lib/virnucpro
mkdir -p "$root/bin" "$program" "$root/licences"

if [ -z "$package" ]; then
  npm pack --silent --pack-destination "$stage" >/dev/null
  package=$stage/virnucpro-$version.tgz
else
  package=$(absolute "$package")
fi
tar -xzf "$package" -C "$program" --strip-components=1

# The dependencies of bun.lock, which are JavaScript alone. One of them may be used with the TypeScript compiler.
mkdir -p "$stage/install/packages/tritonclient-ts"
cp package.json bun.lock bunfig.toml "$stage/install/"
cp packages/tritonclient-ts/package.json "$stage/install/packages/tritonclient-ts/"
(cd "$stage/install" && "$OLDPWD/node_modules/bun/bin/bun.exe" install --production --omit peer --frozen-lockfile --ignore-scripts --silent) >&2
rm -rf "$stage/install/node_modules/tritonclient-ts" "$stage/install/node_modules/.bin" "$stage/install/node_modules/.cache"
mv "$stage/install/node_modules" "$program/node_modules"

# Bun, from the registry, with the digest of bun.lock.
bun_version=$(field devDependencies.bun)
if [ ! -f "$cache/bun-$bun-$bun_version.tgz" ]; then
  npm pack --silent --pack-destination "$stage" "@oven/bun-$bun@$bun_version" >/dev/null
  mv "$stage/oven-bun-$bun-$bun_version.tgz" "$cache/bun-$bun-$bun_version.tgz"
fi
wanted=$(sed -n "s|.*\"@oven/bun-$bun@$bun_version\".*\"sha512-\([^\"]*\)\".*|\1|p" bun.lock)
got=$(node -p 'require("crypto").createHash("sha512").update(require("fs").readFileSync(process.argv[1])).digest("base64")' "$cache/bun-$bun-$bun_version.tgz")
if [ -z "$wanted" ] || [ "$wanted" != "$got" ]; then
  rm -f "$cache/bun-$bun-$bun_version.tgz"
  echo "build-archive.sh: @oven/bun-$bun@$bun_version is not the one of bun.lock" >&2
  exit 1
fi
tar -xzf "$cache/bun-$bun-$bun_version.tgz" -C "$stage" package/bin/bun
mv "$stage/package/bin/bun" "$root/lib/bun"
chmod 755 "$root/lib/bun"

# ONNX Runtime for this platform alone, with the two libraries of C++ that it asks for beside it, where it looks first.
runtime=$program/dist/onnxruntime-node/bin/napi-v6
mv "$runtime/linux/$arch" "$stage/runtime"
rm -rf "$runtime"
mkdir -p "$runtime/linux"
mv "$stage/runtime" "$runtime/linux/$arch"
debian() { # FILE SHA256
  if [ ! -f "$cache/$1" ]; then
    for mirror in https://deb.debian.org/debian https://archive.debian.org/debian; do
      url=$mirror/pool/main/g/gcc-10/$1
      if node -e 'fetch(process.argv[1]).then(async (r) => { if (!r.ok) process.exit(1); require("fs").writeFileSync(process.argv[2], Buffer.from(await r.arrayBuffer())) }, () => process.exit(1))' "$url" "$cache/$1"; then break; fi
    done
  fi
  if ! echo "$2  $cache/$1" | sha256sum --check --status; then
    rm -f "$cache/$1"
    echo "build-archive.sh: could not download $1 from Debian, or its digest is not the expected one" >&2
    exit 1
  fi
  dpkg-deb --extract "$cache/$1" "$stage/debian"
}
debian "libstdc++6_10.2.1-6_$deb.deb" "$libstdcxx"
debian "libgcc-s1_10.2.1-6_$deb.deb" "$libgcc"
cp -L "$stage/debian/usr/lib/$triple/libstdc++.so.6" "$stage/debian/lib/$triple/libgcc_s.so.1" "$runtime/linux/$arch/"
chmod 644 "$runtime/linux/$arch"/*

# The program that starts it.
compiler=.cache/triton/venv/bin/python
if ! "$compiler" -c 'import ziglang' 2>/dev/null; then
  compiler=$cache/venv/bin/python
  if ! "$compiler" -c 'import ziglang' 2>/dev/null; then
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check ziglang==0.13.0 >&2
  fi
fi
"$compiler" -m ziglang cc -target "$target" -static -Os -s -Wall -Wextra -Werror -o "$root/bin/virnucpro" packaging/archive/launcher.c

cp packaging/licences/* "$root/licences/"
# Their packages have none.
cp packaging/licences/bufbuild-protobuf.txt "$program/node_modules/@bufbuild/protobuf/LICENSE"
cp packaging/licences/onnxruntime.txt "$program/node_modules/onnxruntime-common/LICENSE"
debian gcc-10-base_10.2.1-6_amd64.deb be65535e94f95fbf04b104e8ab36790476f063374430f7dfc6c516cbe2d2cd1e
cp "$stage/debian/usr/share/doc/gcc-10-base/copyright" "$root/licences/libstdc++.txt"
cp /usr/share/common-licenses/GPL-3 "$root/licences/libstdc++-GPL-3.txt"
cp LICENSE "$root/LICENSE"
cp packaging/archive/README.txt "$root/README.txt"

# The same bytes from the same commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$stage" -cf - "$name" |
  gzip -n > "$output/$name.tar.gz.part"
mv "$output/$name.tar.gz.part" "$output/$name.tar.gz"
echo "$output/$name.tar.gz"
