#!/bin/bash
# The whole program on a GPU in steps, from random weights to figures. Every step can be run again and keeps what it made
# in $WORK; lines of JSON and logs gather in $WORK/out and, where OUT names a folder, go there as an archive.
# Where there is no network, pack.sh and unpack.sh bring Bun and packages, and the defaults below find them.
# Usage: bench/gpu/whole.sh STEP...   with the steps prepare build tune serve speed predict stop sizes longer verify dnabert
# Settings: WORK, OUT, BUN, PYTHON (with torch), TRT_PYTHON (the same with TensorRT's bindings), TRITON (a server program),
# TOKENIZER (tokenizer.json of DNABERT-S), ESM (3B, or WIDTH,LAYERS,HEADS), DNABERT, DEVICE, READS, INSTANCES, IMPORT_ARGS
# (of models import, such as --attention fused), BUILD_ARGS (of engines build), FLIGHTS (requests in flight, for speed; 2,3,4), SECONDS_EACH (for speed); to try it without a GPU
# PRECISION (fp32) and HOSTING (--backend python).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/settings.sh"
if [ -n "${GPUS:-}" ]; then
  CUDA_VISIBLE_DEVICES=$(visible_gpus | head -n "$GPUS" | paste -sd,)
  export CUDA_VISIBLE_DEVICES
fi

step_prepare() {
  if [ ! -e "$models/done" ]; then
    (cd "$here" && timed models "$PYTHON" make_models.py --esm "$ESM" --dnabert "$DNABERT" --device "$DEVICE" \
      --tokenizer "$TOKENIZER" "$models") 2>&1 | keep prepare
    touch "$models/done"
  fi
  ls -l "$models" >&2
  if [ ! -e "$bundle/manifest.json" ]; then
    # shellcheck disable=SC2086
    timed import cli models import --precision "${PRECISION:-bf16}" ${IMPORT_ARGS:-} --esm "$models/esm2.pt" --dnabert "$models/DNABERT-S" \
      --mlp "$models/500_model.pth" --output "$bundle" 2>&1 | keep prepare
  fi
  [ -e "$WORK/rows.jsonl" ] || "$BUN" "$here/make-reads.ts" --rows 8000 "$TOKENIZER" "$WORK/rows.jsonl"
  make_reads "$READS" reads
}

step_build() {
  # shellcheck disable=SC2086
  timed build cli engines build --bundle "$bundle" --output "$plans" --python "$TRT_PYTHON" ${BUILD_ARGS:-} 2>&1 | keep build
  cli engines show "$plans" --bundle "$bundle" 2>&1 | keep build
}

step_tune() { timed tune cli engines tune "$plans" --python "$TRT_PYTHON" 2>&1 | keep tune; cp "$plans/tuning.json" "$LOG/"; }

step_serve() {
  step_stop
  # shellcheck disable=SC2086
  cli repository build --bundle "$bundle" ${HOSTING:---backend python --plans "$plans"} --output "$repository" --force \
    ${INSTANCES:+--instances $INSTANCES} 2>&1 | keep serve
  start_kept_server --repository "$repository" --server-bin "$TRITON"
}

step_stop() { stop_kept_server; }

# The plan by itself and behind the server, one after the other for each model.
step_speed() {
  local model batches plan batch flight flights=${FLIGHTS:-2,3,4}
  for model in esm2 dnabert_s; do
    batches=320x51,96x168,192x168
    [ $model = dnabert_s ] && batches=1600x40,590x110
    plan=$(ls "$plans/$model"/*.plan || true)
    say "$model: the plan by itself"
    [ -n "${HOSTING:-}" ] || (cd "$here" && "$TRT_PYTHON" plan_speed.py --shape "$models/$model.shape.json" --batches $batches "$plan") 2>&1 | keep speed
    for batch in ${batches//,/ }; do
      for flight in ${flights//,/ }; do
        say "$model: $batch through the server, $flight in flight"
        # shellcheck disable=SC2086
        "$BUN" "$here/triton-client.ts" "$url" $model ${batch/x/ } $flight "${SECONDS_EACH:-6}" 2>&1 | keep speed
      done
    done
  done
}

step_predict() {
  rm -rf "$WORK/run"
  say "predict on $READS reads of 300 bases"
  (cd "$WORK" && "$PYTHON" "$here/watch.py" "$metrics" "$LOG/watch.jsonl" -- \
    "$BUN" "$root/src/cli/main.ts" predict reads.fa --bundle "$bundle" --triton "$url" --expected-length 300 --any-length \
    --output-dir "$WORK/run" --log-file "$LOG/predict.log") 2> >(tee -a "$LOG/predict.err" >&2) | keep predict
  find "$WORK/run" -name '*.json' -size -2M -exec cp {} "$LOG/" \;
  (cd "$here" && "$PYTHON" projection.py --shape "$models/esm2.shape.json" --run "$WORK/run" --watch "$LOG/predict.txt" ${CEILING:+--ceiling $CEILING}) 2>&1 | keep predict
}

step_sizes() {
  [ -e "$WORK/graphs/done" ] || { "$BUN" "$here/make-graphs.ts" "$WORK/graphs" > /dev/null; touch "$WORK/graphs/done"; }
  local size layers
  for size in 8M:6 35M:12 150M:30 ${MORE_SIZES:-}; do
    layers=${size#*:}
    say "ESM-2 ${size%:*}"
    (cd "$here" && "$TRT_PYTHON" sweep.py --graphs "$WORK/graphs" --model "esm2-${size%:*}" --forms gelu-table-tokens \
      --layers "$layers" --batches 320x51,1280x51,96x168,384x168 --work "$WORK/sweep" --check-rows 1000 \
      --profiles 1x2:1280x51:1280x64,1x65:96x168:400x176) 2>&1 | keep sizes
  done
}

step_longer() {
  (cd "$here" && "$TRT_PYTHON" plan_speed.py --shape "$models/esm2.shape.json" --batches \
    "${BATCHES:-96x168,112x168,128x168,144x168,160x168,192x168,256x168,256x51,288x51,320x51,352x51,384x51,448x51,512x51}" \
    "$(ls "$plans"/esm2/*.plan)") 2>&1 | keep longer
}

step_verify() {
  (cd "$here" && timed verify "$TRT_PYTHON" verify_plan.py --models "$models" --plans "$plans" --rows "$WORK/rows.jsonl") 2>&1 | keep verify
}

step_dnabert() {
  (cd "$here" && "$TRT_PYTHON" plan_speed.py --shape "$models/dnabert_s.shape.json" \
    --batches 400x40,1600x40,148x110,590x110 "$(ls "$plans"/dnabert_s/*.plan)") 2>&1 | keep dnabert
  (cd "$here" && "$PYTHON" baselines_dnabert.py --only eager,compile) 2>&1 | keep dnabert
  # Once more at the end, so that a drift of the clock shows.
  (cd "$here" && "$TRT_PYTHON" plan_speed.py --shape "$models/dnabert_s.shape.json" \
    --batches 148x110,590x110 "$(ls "$plans"/dnabert_s/*.plan)") 2>&1 | keep dnabert
}

[ $# -gt 0 ] || { sed -n '2,9p' "$0" >&2; exit 2; }
run_steps "$@"
