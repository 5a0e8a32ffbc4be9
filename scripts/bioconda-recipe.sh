#!/bin/sh
# Writes the recipe of a release for Bioconda: recipes/virnucpro of its repository.
# Usage: scripts/bioconda-recipe.sh URL ARCHIVES FOLDER
#   URL: of the folder the archives can be downloaded from   ARCHIVES: folder of the same files here   FOLDER: gets the recipe
set -eu
if [ $# -ne 3 ]; then
  echo 'usage: scripts/bioconda-recipe.sh URL ARCHIVES FOLDER' >&2
  exit 64
fi
here=$(cd "$(dirname "$0")/.." && pwd)
version=$(node -p 'require(process.argv[1]).version' "$here/package.json")
digest() { sha256sum "$1" | cut -d ' ' -f 1; }
x64=$(digest "$2/virnucpro-$version-linux-x64.tar.gz")
arm64=$(digest "$2/virnucpro-$version-linux-arm64.tar.gz")
mkdir -p "$3"
sed -e "1d; s|@VERSION@|$version|; s|@URL@|$1|; s|@SHA256_X64@|$x64|; s|@SHA256_ARM64@|$arm64|" \
  "$here/packaging/bioconda/meta.yaml" > "$3/meta.yaml"
cp "$here/packaging/bioconda/build.sh" "$3/build.sh"
