#!/bin/bash
# Batches of whole waves against batches of powers of two, in whole runs of predict on one server, in turn. About 4 minutes on
# an H200 after "whole.sh prepare build" with the same WORK.
# Usage: bench/gpu/waves.sh [STEP...]   by default: tune serve rounds stop table
#   tune     engines tune: the speed of every batch that it tries
#   serve    a server with these plans
#   rounds   predict on $READS reads with each budget of $BUDGETS, $ROUNDS times
#   table    seconds and tok/s of each budget, and its gain; figures in $WORK/out/waves.json
# Settings: those of whole.sh, READS (50,000), BUDGETS (of ESM-2, pairs of "before,after"), ROUNDS (2)
# To try it without a GPU: ESM=320,6,20 DNABERT=96,2,4,128 DEVICE=cpu PRECISION=fp32 HOSTING="--backend python" READS=2000
# BUDGETS=2048,4096 bench/gpu/whole.sh prepare, then the same with bench/gpu/waves.sh serve rounds stop table
set -euo pipefail
READS=${READS:-50000}
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/settings.sh"
BUDGETS=${BUDGETS:-32768,33792}
ROUNDS=${ROUNDS:-2}
export READS

step_tune() {
  "$here/whole.sh" tune
  "$BUN" -e 'for (const { model, tokenBudget, measured } of (await Bun.file(process.argv[1]).json()).entries) {
    console.log(`${model}: ${tokenBudget} tokens in a batch`)
    for (const { rows, tokens, tokensPerSecond } of measured)
      console.log(`  ${rows} x ${tokens} = ${rows * tokens}: ${tokensPerSecond} tok/s`) }' "$plans/tuning.json" | keep waves
}

step_serve() { "$here/whole.sh" serve; }
step_stop() { "$here/whole.sh" stop; }

step_rounds() {
  make_reads "$READS" reads
  local round budget
  # Not counted: what is opened and compiled at first use.
  run warm --bundle "$bundle" --triton "$url" --esm-batch-size "${BUDGETS##*,}"
  for round in $(seq "$ROUNDS"); do
    for budget in ${BUDGETS//,/ }; do
      run "waves-$budget-$round" --bundle "$bundle" --triton "$url" --esm-batch-size "$budget"
    done
  done
}

step_table() {
  # shellcheck disable=SC2086
  "$BUN" "$here/runs-table.ts" "$LOG" ${BUDGETS//,/ } --prefix waves- --compare \
    --name predict.waves --command "READS=$READS BUDGETS=$BUDGETS bench/gpu/waves.sh" --record "$LOG/waves.json" | keep waves
}

[ $# -gt 0 ] || set -- tune serve rounds stop table
run_steps "$@"
