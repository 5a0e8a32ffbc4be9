#!/bin/bash
# From weight files to a table, by the two commands of a user: how long "virnucpro setup" takes on this machine, and then
# "virnucpro predict" with nothing but an input and a folder, by itself and with a server that is kept for the next run.
# Random weights of the wanted shape stand for the published ones; making them is not timed.
# Usage: bench/gpu/setup.sh [STEP...]   by default: setup predict kept doctor
#   setup    a home of its own, then everything from the weight files to a checked server
#   predict  $READS reads of 300 bases: the server starts and ends with the run; how busy each GPU was, by nvidia-smi
#   kept     two more runs with --keep-server, of which the second finds the server of the first
#   killed   setup in a second home, killed after each of $KILLS seconds and started again, then a run to its end
#   doctor   what doctor and estimate say afterwards
# Settings: those of whole.sh, READS (60,000), SETUP_ARGS (such as --precision fp16), KILLS (seconds, "20 45")
# Figures gather as lines of JSON in $WORK/out/times.txt.
set -uo pipefail
READS=${READS:-60000}
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/settings.sh"
export VIRNUCPRO_HOME=$WORK/home
weights=(--esm "$models/esm2.pt" --dnabert "$models/DNABERT-S" --mlp "500=$models/500_model.pth" --yes)

make_weights() {
  [ -e "$models/done" ] || (cd "$here" && "$PYTHON" make_models.py --esm "$ESM" --dnabert "$DNABERT" --device "$DEVICE" \
    --tokenizer "$TOKENIZER" "$models" && touch "$models/done") 2>&1 | keep setup
}

step_setup() {
  make_weights
  # shellcheck disable=SC2086
  cli setup "${weights[@]}" --dry-run ${SETUP_ARGS:-} 2>&1 | keep setup
  # shellcheck disable=SC2086
  timed setup cli setup "${weights[@]}" ${SETUP_ARGS:-} --log-file "$LOG/setup.log" 2>&1 | keep setup
  timed "setup again" cli setup --yes 2>&1 | keep setup
  du -sh "$VIRNUCPRO_HOME"/* 2>&1 | keep setup
}

step_predict() { make_reads "$READS" reads; run alone; }

step_kept() {
  make_reads "$READS" reads
  run first --keep-server 10m
  run second --keep-server 10m
  cli serve --stop 2>&1 | keep predict
}

step_killed() {
  make_weights
  export VIRNUCPRO_HOME=$WORK/home-killed
  rm -rf "$VIRNUCPRO_HOME"
  local seconds
  for seconds in ${KILLS:-20 45}; do
    # shellcheck disable=SC2086
    timeout -s KILL "$seconds" "$BUN" "$root/src/cli/main.ts" setup "${weights[@]}" ${SETUP_ARGS:-} > "$LOG/killed-$seconds.txt" 2>&1
    tail -3 "$LOG/killed-$seconds.txt" | keep killed
  done
  # shellcheck disable=SC2086
  timed "setup after kills" cli setup "${weights[@]}" ${SETUP_ARGS:-} 2>&1 | keep killed
  find "$VIRNUCPRO_HOME" -name '.virnucpro-*' | keep killed
  make_reads "$READS" reads
  run killed
  export VIRNUCPRO_HOME=$WORK/home
}

step_doctor() {
  cli doctor 2>&1 | keep doctor
  make_reads "$READS" reads
  cli estimate "$WORK/reads.fa" --expected-length 300 2>&1 | keep doctor
}

[ $# -gt 0 ] || set -- setup predict kept doctor
run_steps "$@"
