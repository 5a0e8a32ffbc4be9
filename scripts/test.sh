#!/bin/sh
# Installs what the tests need (Bun and packages from npm; torch, a Triton server, MultiQC, Snakemake and others from PyPI, a
# browser, a terminal, shells and tools that make faults from Debian and Nextflow from Maven Central into .cache) and runs every check.
# Ends with the line "N passed, N failed".
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh
scripts/test-python.sh
scripts/test-triton.sh
scripts/test-multiqc.sh
scripts/test-browser.sh
scripts/test-terminal.sh
scripts/test-shells.sh
scripts/test-clock.sh
scripts/test-faults.sh
scripts/test-node.sh
scripts/test-workflows.sh
PATH="$PWD/node_modules/.bin:$PATH"
exec node_modules/bun/bin/bun.exe scripts/check.ts
