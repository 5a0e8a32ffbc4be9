#!/bin/bash
# A million reads of 300 bases, and contigs, by the two commands of a user: "virnucpro setup --precision fp8", then "virnucpro
# predict" with its recheck and its reuse; beside the same in 16 bits, and beside the best that PyTorch does with the same
# model in the same hour. Random weights of the wanted shape stand for the published ones, with a classifier that is trained to
# tell the two made-up genomes apart that reads and contigs are cut from; making all of them is not timed.
# Usage: bench/gpu/million.sh [STEP...]   by default all of them but gpus, in this order:
#   fp8        a home in FP8 with its 16-bit partner: from the weight files to a checked server
#   sixteen    a home in 16 bits ($PRECISION_16)
#   reads      estimate and predict on $READS reads in FP8, then in 16 bits; reads-fp8 and reads-sixteen are the two by themselves
#   contigs    the same on $CONTIG_BASES bases of contigs of 1,000 to 20,000, in chunks of 500
#   calls      how many calls of the two differ, of reads and of contigs
#   server     tokens of ESM-2 a second through the server of each home, its partner's too
#   recheck    calls of $FRAMES frames by five random classifiers in FP8, alone and with the recheck: bench/recheck.ts on the server
#   gpus       predict on the reads with the first 1, 2, 4 and 8 GPUs of the machine, in each home; the tables have to be equal
#   pytorch    torch.compile in BF16, FP8 by PyTorch itself and by TransformerEngine where that is installed
#   table      seconds of each stage, tok/s, busy share; figures in $WORK/out/million.json
# On an H200 the steps take about 15, 8, 9 + 14, 3 + 4, 1, 1, 7 and 1 minutes. Each leaves what it has made in $WORK, and can be started by itself.
# Settings: those of whole.sh, READS (1,000,000), CONTIG_BASES (300,000,000), FRAMES (200,000), CALIBRATION_FRAMES (30,000; of the step recheck), CALIBRATION_READS (50,000), PRECISION_16 (bf16, in which setup has FP8 rechecked),
# SETUP_ARGS (such as --wheels DIR), LIMIT (seconds; steps that are left then are skipped)
# To try it without a GPU: ESM=320,6,20 DNABERT=96,2,4,128 DEVICE=cpu READS=300 CONTIG_BASES=60000 bench/gpu/million.sh
# computes in INT8 and FP32 in place of FP8 and 16 bits, and without PyTorch.
set -euo pipefail
READS=${READS:-1000000}
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/settings.sh"
CONTIG_BASES=${CONTIG_BASES:-300000000}
CALIBRATION_READS=${CALIBRATION_READS:-50000}
LIMIT=${LIMIT:-100000}
weights=(--esm "$models/esm2.pt" --dnabert "$models/DNABERT-S" --mlp "500=$models/500_model.pth" --yes)
if [ "$DEVICE" = cpu ]; then
  eight=int8 sixteen=fp32
else
  eight=fp8 sixteen=${PRECISION_16:-bf16}
fi
# Where the machine has no GPU, predict rechecks INT8 only when it is asked to.
recheck=()
[ $eight = fp8 ] || recheck=(--recheck on)

make_weights() {
  [ ! -e "$models/done" ] || return 0
  "$BUN" "$here/make-reads.ts" --rows 4000 "$TOKENIZER" "$WORK/rows.jsonl"
  (cd "$here" && "$PYTHON" make_models.py --esm "$ESM" --dnabert "$DNABERT" --device "$DEVICE" --rows "$WORK/rows.jsonl" \
    --tokenizer "$TOKENIZER" "$models" && touch "$models/done") 2>&1 | keep setup
}

set_up() { # PRECISION OPTIONS...
  local precision=$1
  shift
  make_weights
  [ "$DEVICE" != cpu ] || { import_for_cpu "$precision" "$@"; return; }
  # shellcheck disable=SC2086
  VIRNUCPRO_HOME=$WORK/home-$precision timed "setup $precision" cli setup "${weights[@]}" --precision "$precision" "$@" ${SETUP_ARGS:-} \
    --log-file "$LOG/setup-$precision.log" 2>&1 | keep setup
}

# A processor has no setup for several precisions: what setup makes there, made by hand.
import_for_cpu() { # PRECISION OPTIONS...
  local precision=$1
  shift
  rm -rf "$WORK/bundle-$precision"
  timed "import $precision" cli models import --esm "$models/esm2.pt" --dnabert "$models/DNABERT-S" --mlp "500=$models/500_model.pth" \
    --precision "$precision" "$@" --output "$WORK/bundle-$precision" 2>&1 | keep setup
  [ "$precision" != "$eight" ] || timed "bound $precision" cli models recheck "$WORK/bundle-$precision" --input "$WORK/calibration.fa" 2>&1 | keep setup
}

step_fp8() {
  make_reads "$CALIBRATION_READS" calibration --two-kinds
  if [ $eight = fp8 ]; then
    set_up fp8 --calibrate "$WORK/calibration.fa"
  else
    set_up int8 --calibrate "$WORK/calibration.fa" --recheck on
  fi
}

# Calibrated with the same reads, so that both homes have the same model in 16 bits.
step_sixteen() {
  make_reads "$CALIBRATION_READS" calibration --two-kinds
  if [ "$sixteen" = bf16 ]; then set_up "$sixteen" --calibrate "$WORK/calibration.fa"; else set_up "$sixteen"; fi
}

make_contigs() {
  [ -e "$WORK/contigs.$CONTIG_BASES" ] && return 0
  rm -f "$WORK"/contigs.[0-9]*
  "$BUN" "$here/make-reads.ts" --contigs "$CONTIG_BASES" "$WORK/contigs.fa" --two-kinds
  touch "$WORK/contigs.$CONTIG_BASES"
}

# One run in the home of a precision, after what the program expects of it.
predict_in() { # PRECISION NAME OPTIONS...
  local precision=$1 name=$2
  local -x VIRNUCPRO_HOME=$WORK/home-$precision
  shift 2
  [ "$DEVICE" != cpu ] || set -- --bundle "$WORK/bundle-$precision" "$@"
  [ "$precision" != "$eight" ] || set -- "${recheck[@]}" "$@"
  { echo "$name-$precision"; cli estimate "$WORK/$INPUT.fa" --expected-length "$CHUNK" --any-length "$@"; } 2>&1 | keep estimate
  run "$name-$precision" "$@"
}

step_reads-fp8() { make_reads "$READS" reads --two-kinds; INPUT=reads CHUNK=300 predict_in $eight reads; }
step_reads-sixteen() { make_reads "$READS" reads --two-kinds; INPUT=reads CHUNK=300 predict_in "$sixteen" reads; }
step_reads() { step_reads-fp8; step_reads-sixteen; }
step_contigs-fp8() { make_contigs; INPUT=contigs CHUNK=500 predict_in $eight contigs; }
step_contigs-sixteen() { make_contigs; INPUT=contigs CHUNK=500 predict_in "$sixteen" contigs; }
step_contigs() { step_contigs-fp8; step_contigs-sixteen; }

# Calls of chunks in the original's table: one row each, in the same order in both runs.
step_calls() {
  local input table
  for input in reads contigs; do
    table=${input}_merged/prediction_results_highestscore.csv
    [ -e "$WORK/run-$input-$eight/$table" ] && [ -e "$WORK/run-$input-$sixteen/$table" ] || continue
    paste <(cut -f 1,2 "$WORK/run-$input-$eight/$table") <(cut -f 1,2 "$WORK/run-$input-$sixteen/$table") | awk -F'\t' -v input="$input" '
      NR > 1 { if ($1 != $3) { print "the tables differ in their rows"; exit 1 } n++; if ($2 != $4) d++ }
      END { printf "{\"input\": \"%s\", \"chunks\": %d, \"differ\": %d}\n", input, n, d }' | keep calls
  done
}

# The server of a home. A processor has no home: the repository of its bundle, in the server's Python backend.
serve_in() { # PRECISION
  # Whatever fails.
  trap stop_kept_server EXIT
  if [ "$DEVICE" = cpu ]; then
    cli repository build --bundle "$WORK/bundle-$1" --backend python --output "$repository" --force 2>&1 | keep serve
    start_kept_server --repository "$repository" --server-bin "$TRITON"
  else
    VIRNUCPRO_HOME=$WORK/home-$1 start_kept_server
  fi
}

step_server() {
  local precision model batch
  for precision in "$eight" "$sixteen"; do
    [ -e "$WORK/home-$precision" ] || [ -e "$WORK/bundle-$precision" ] || continue
    serve_in "$precision"
    for model in esm2 $([ "$precision" = "$sixteen" ] || echo esm2_recheck); do
      for batch in 167x101 331x51; do
        say "$precision, $model: $batch through the server, 2 in flight"
        # shellcheck disable=SC2086
        "$BUN" "$here/triton-client.ts" "$url" "$model" ${batch/x/ } 2 "${SECONDS_EACH:-6}" 2>&1 | sed "s/^/$precision /" | keep speed
      done
    done
    stop_kept_server
  done
}

step_recheck() {
  local bundle
  # Of a home or by itself: one of the two folders is not there.
  bundle=$(find "$WORK/home-$eight/derived" "$WORK/bundle-$eight" -name manifest.json \
    -exec grep -lE "\"precision\": *\"$eight\"" {} + 2> /dev/null | head -1 || true)
  [ -n "$bundle" ] || { say "no bundle in $eight: run the step fp8 first"; return 1; }
  serve_in "$eight"
  "$BUN" "$root/bench/recheck.ts" --bundle "$(dirname "$bundle")" --triton "$url" --frames "${FRAMES:-200000}" \
    ${CALIBRATION_FRAMES:+--calibration "$CALIBRATION_FRAMES"} --record "$LOG/recheck.json" 2>&1 | keep recheck
  stop_kept_server
}

# As a user would who keeps a run to some of the GPUs that the home was set up for.
step_gpus() {
  local all n precision
  mapfile -t all < <(visible_gpus)
  [ ${#all[@]} -gt 1 ] || { say "one GPU at most: nothing to compare"; return; }
  make_reads "$READS" reads --two-kinds
  for precision in "$eight" "$sixteen"; do
    [ -e "$WORK/home-$precision" ] || continue
    for n in 1 2 4 8; do
      [ "$n" -le ${#all[@]} ] || break
      CUDA_VISIBLE_DEVICES=$(IFS=,; echo "${all[*]:0:n}") INPUT=reads CHUNK=300 predict_in "$precision" "gpus-x$n"
      [ "$n" -gt 1 ] || continue
      diff -rq "$WORK/run-gpus-x1-$precision/reads_merged" "$WORK/run-gpus-x$n-$precision/reads_merged" | keep gpus
      echo "{\"precision\": \"$precision\", \"gpus\": $n, \"tables\": \"equal\"}" | keep gpus
    done
  done
}

step_pytorch() {
  [ "$DEVICE" != cpu ] || { say "PyTorch is compared on a GPU"; return; }
  (cd "$here" && "$PYTHON" baselines_esm.py --model "$ESM" --lengths 101,168 --only compile,fp8,te --tokens 33792) 2>&1 | keep pytorch
}

step_table() {
  local input names precision n
  for input in reads contigs; do
    names=()
    for precision in "$sixteen" "$eight"; do [ ! -e "$LOG/summary-$input-$precision.json" ] || names+=("$precision"); done
    [ ${#names[@]} -gt 0 ] || continue
    say "$input"
    "$BUN" "$here/runs-table.ts" "$LOG" "${names[@]}" --prefix "$input-" --compare --name "predict.$input" \
      --command "READS=$READS CONTIG_BASES=$CONTIG_BASES bench/gpu/million.sh" --record "$LOG/million.json" | keep million
  done
  for precision in "$eight" "$sixteen"; do
    for n in 2 4 8; do
      [ -e "$LOG/summary-gpus-x$n-$precision.json" ] || continue
      "$BUN" "$here/runs-table.ts" "$LOG" "x1-$precision" "x$n-$precision" --prefix gpus- --compare --name predict.gpus \
        --command "READS=$READS bench/gpu/million.sh fp8 sixteen gpus" --record "$LOG/million.json" | keep million
    done
  done
}

[ $# -gt 0 ] || set -- fp8 sixteen reads contigs calls server recheck pytorch table
for step in "$@"; do
  if [ $SECONDS -gt "$LIMIT" ] && [ "$step" != table ]; then say "skipped: $step"; else run_steps "$step"; fi
done
