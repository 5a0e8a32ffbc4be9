#!/bin/sh
# Prepares the Python that tests compare with: it is that of the benches, since a second torch would take gigabytes more.
# Usage: scripts/test-python.sh [FOLDER]   (default .cache/test-python)
exec "$(dirname "$0")/../bench/baseline/setup.sh" "$@"
