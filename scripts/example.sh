#!/bin/sh
# Runs the whole pipeline on the bundled example with the demonstration models, on the CPU.
# Usage: scripts/example.sh [OUTPUT_FOLDER]   (default: example-output)
set -eu
output=${1:-example-output}
here=$(cd "$(dirname "$0")/.." && pwd)
"$here/scripts/setup.sh"
"$here/node_modules/bun/bin/bun.exe" "$here/src/cli/main.ts" predict --input "$here/examples/contigs.fasta" \
  --output-dir "$output" --bundle demo --force
head -n 5 "$output/contigs_merged/prediction_results.txt" "$output/contigs_merged/prediction_results_highestscore.csv"
