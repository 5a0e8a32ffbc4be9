# Settings and helpers of whole.sh, multi.sh, setup.sh, waves.sh and million.sh, which source this file; what the settings mean stands there.
# shellcheck shell=bash disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
WORK=${WORK:-/tmp/virnucpro-gpu}
LOG=$WORK/out
BUN=${BUN:-$(ls /tmp/bun/bun "$root/node_modules/bun/bin/bun.exe" 2> /dev/null | head -1 || true)}
PYTHON=${PYTHON:-python3}
TRT_PYTHON=${TRT_PYTHON:-$(ls /tmp/trt106/python 2> /dev/null || echo python3)}
TRITON=${TRITON:-$(ls /tmp/trt106/tritonserver 2> /dev/null || echo tritonserver)}
TOKENIZER=${TOKENIZER:-/tmp/up/tokenizer.json}
ESM=${ESM:-3B}
DNABERT=${DNABERT:-}
DEVICE=${DEVICE:-cuda}
READS=${READS:-400000}
INSTANCES=${INSTANCES:-}
GRPC=${GRPC:-18001}
models=$WORK/models bundle=$WORK/bundle plans=$WORK/plans repository=$WORK/repository
url=grpc://127.0.0.1:$GRPC metrics=http://127.0.0.1:$((GRPC + 1))/metrics
mkdir -p "$LOG"
# Bun looks for packages beside the program.
[ -e "$root/node_modules" ] || ln -sfn "$(dirname "$BUN")/node_modules" "$root/node_modules"

say() { echo "[$(date +%H:%M:%S)] $*" >&2; }
cli() { "$BUN" "$root/src/cli/main.ts" "$@"; }
# Standard output of a step holds its lines of JSON and tables: shown, and kept.
keep() { tee -a "$LOG/$1.txt"; }
timed() { # NAME COMMAND...: a line of JSON with the seconds
  local name=$1 start end
  shift
  start=$(date +%s.%N)
  "$@"
  end=$(date +%s.%N)
  echo "{\"step\": \"$name\", \"seconds\": $(echo "$start $end" | awk '{printf "%.1f", $2 - $1}')}" | keep times
}

# Reads of 300 bases as FASTA in $WORK/NAME.fa, unless they are there.
make_reads() { # COUNT NAME OPTIONS...
  [ ! -e "$WORK/$2.$1" ] || return 0
  rm -f "$WORK/$2".[0-9]*
  "$BUN" "$here/make-reads.ts" "$1" 300 "$WORK/$2.fa" "${@:3}"
  touch "$WORK/$2.$1"
}

# Utilization of every GPU, ten times a second, from the first moment at which one is above half to the last.
busy() { # FILE
  awk -F', ' '{ n[$1]++; u[$1, n[$1]] = $2 }
    END { for (g in n) { first = last = 0; for (i = 1; i <= n[g]; i++) if (u[g, i] > 50) { if (!first) first = i; last = i }
      sum = 0; for (i = first; i <= last && first; i++) sum += u[g, i];
      if (first) printf "{\"gpu\": \"%s\", \"busy\": %.4f, \"samples\": %d}\n", g, sum / (last - first + 1) / 100, last - first + 1 } }' "$1"
}

# A server on the port $GRPC and its neighbours, in a session of its own: it stays when the script ends.
start_kept_server() { # OPTIONS of serve...
  stop_kept_server
  rm -f "$WORK/serve.out"
  say "starting the server"
  setsid "$BUN" "$root/src/cli/main.ts" serve "$@" --http-port $((GRPC - 1)) --grpc-port "$GRPC" --metrics-port $((GRPC + 1)) \
    > "$WORK/serve.out" 2> "$LOG/serve.log" < /dev/null &
  echo $! > "$WORK/serve.pid"
  local start=$SECONDS
  until [ -s "$WORK/serve.out" ]; do
    if ! kill -0 "$(cat "$WORK/serve.pid")" 2> /dev/null || [ $((SECONDS - start)) -gt 240 ]; then
      tail -60 "$LOG/serve.log" >&2
      say "the server did not start"
      return 1
    fi
    sleep 0.5
  done
  echo "{\"step\": \"server ready\", \"seconds\": $((SECONDS - start))}" | keep times
}

stop_kept_server() {
  [ -e "$WORK/serve.pid" ] || return 0
  local pid
  pid=$(cat "$WORK/serve.pid")
  kill -TERM "$pid" 2> /dev/null || true
  for _ in $(seq 80); do kill -0 "$pid" 2> /dev/null || break; sleep 0.5; done
  rm -f "$WORK/serve.pid"
}

# One run of predict on $WORK/$INPUT.fa: its seconds, how busy each GPU was, its summary and the digests of its tables.
run() { # NAME OPTIONS...
  local name=$1 sampler input=${INPUT:-reads}
  shift
  # Of the GPUs that the run may use: others may be busy with something else.
  nvidia-smi ${CUDA_VISIBLE_DEVICES:+--id=$CUDA_VISIBLE_DEVICES} --query-gpu=uuid,utilization.gpu --format=csv,noheader,nounits --loop-ms=100 > "$LOG/busy-$name.csv" 2> /dev/null &
  sampler=$!
  rm -rf "$WORK/run-$name"
  (cd "$WORK" && timed "predict $name" cli predict --input "$input.fa" --output-dir "run-$name" --expected-length "${CHUNK:-300}" --any-length \
    --log-file "$LOG/predict-$name.log" "$@") 2>&1 | keep predict
  kill "$sampler" 2> /dev/null || true
  busy "$LOG/busy-$name.csv" | tee "$LOG/busy-$name.jsonl" | keep predict
  cp "$WORK/run-$name/${input}_report/summary.json" "$LOG/summary-$name.json"
  sha256sum "$WORK/run-$name/${input}_merged"/* | keep predict
}

# Whole or not at all: a run may be ended at any moment.
archive() {
  [ -n "${OUT:-}" ] || return 0
  tar -czf "$OUT/whole.tar.gz.new" -C "$WORK" out && mv "$OUT/whole.tar.gz.new" "$OUT/whole.tar.gz"
}

# The functions step_NAME of a script, one after the other; results are archived after each.
run_steps() { # NAME...
  local step begin
  for step in "$@"; do
    declare -F "step_$step" > /dev/null || { echo "no step $step" >&2; exit 2; }
    say "== $step"
    begin=$SECONDS
    "step_$step"
    archive
    say "== $step: $((SECONDS - begin)) s"
  done
}

# The GPUs that may be used, by UUID; none where there is none.
visible_gpus() {
  if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then
    tr ',' '\n' <<< "$CUDA_VISIBLE_DEVICES"
  else
    nvidia-smi --query-gpu=uuid --format=csv,noheader 2> /dev/null || true
  fi
}
