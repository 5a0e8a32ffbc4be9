# shellcheck shell=sh
# For scripts that prepare what tests need; to be sourced. Needs apt-get and dpkg but no root, and changes nothing of the system.

# unpack_packages FOLDER PACKAGE...: Debian's packages, with those that they need and this system lacks, into FOLDER/root.
unpack_packages() {
  target=$1
  shift
  mkdir -p "$target/lists/partial" "$target/archives/partial" "$target/packages" "$target/root"
  target=$(cd "$target" && pwd -P)
  own_apt update
  packages=$(own_apt install --simulate --no-install-recommends "$@" |
    sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1=\2/p')
  # shellcheck disable=SC2086
  if [ -n "$packages" ]; then (cd "$target/packages" && own_apt download $packages); fi
  for package in "$target"/packages/*.deb; do
    if [ -e "$package" ]; then dpkg-deb --extract "$package" "$target/root"; fi
  done
  rm -rf "$target/lists" "$target/archives" "$target/packages"
}

# Lists of our own: those of the system may be missing or stale, and only root may bring them up to date.
own_apt() {
  apt-get -qq -o "Dir::State::lists=$target/lists" -o "Dir::Cache::archives=$target/archives" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o "APT::Sandbox::User=$(id -un)" -o Debug::NoLocking=1 -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

# library_path FOLDER: the folders below FOLDER that hold libraries, for LD_LIBRARY_PATH.
library_path() {
  find "$1" -name '*.so*' -exec dirname {} + | sort -u | paste -s -d : -
}
