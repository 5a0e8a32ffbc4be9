#!/bin/bash
# The whole program on all GPUs of a machine against one of them, after "whole.sh prepare build" with the same WORK: steps
# that need nobody. Each has a time limit of its own, and one that fails or takes too long does not keep the others from
# running. Results gather in $WORK/out and, where OUT names a folder, go there as an archive after every step.
# Usage: bench/gpu/multi.sh [STEP...]   by default all of them, in this order:
#   serve      one server for each GPU
#   esm2       bench/scaling: the same load on 1, 2, ... GPUs, and on each by itself
#   dnabert_s  the same for DNABERT-S
#   one, all   predict on $READS reads with the first GPU and with all
#   speed      batches of one shape through the first server, and the plan by itself on the same GPU before and after that
#   slow       all GPUs, the last of them with another program on it: how fast it still is, then predict on $FEW reads
#   killed     predict on $FEW reads, the last server killed after $KILL_AFTER seconds
#   few        predict on $FEW reads with the first GPU, nothing wrong
#   together   one server that has all GPUs: bench/scaling, then predict on $FEW reads
#   verify     the plans against the models in FP32, on the last GPU, with no server running; nothing where there are no plans
#   long       predict on $MANY reads with all GPUs: a run of some minutes, on one GPU a quarter of an hour
#   table      what all this comes to: $WORK/out/multi.txt and multi.json
# The servers stop when the script ends: "multi.sh serve" alone leaves none for a program that comes after it. A step that
# needs servers starts them itself, once "serve" has made the repository. For a server that stays there is "whole.sh serve".
# Settings: those of whole.sh, READS, FEW, MANY (1,000,000; without a GPU as FEW), KILL_AFTER, SECONDS_EACH (of a load on
# one GPU), KIND (of the load), LIMIT (seconds for all steps; those that are left then are skipped, except table), LOAD_SIZE,
# FLIGHTS (requests in flight, for speed; 3,2).
# GPUS is the number of GPUs to use, and without a GPU that of the servers.
set -uo pipefail
READS=${READS:-110000}
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/settings.sh"
FEW=${FEW:-45000}
KILL_AFTER=${KILL_AFTER:-10}
SECONDS_EACH=${SECONDS_EACH:-30}
KIND=${KIND:-mixed}
LIMIT=${LIMIT:-1800}
FLIGHTS=${FLIGHTS:-3,2}
LOAD_SIZE=${LOAD_SIZE:-8192}
export VIRNUCPRO_BENCH_TOKENIZER=$TOKENIZER
mapfile -t gpus < <(visible_gpus | head -n "${GPUS:-1000}")
count=${#gpus[@]}
if [ "$count" = 0 ]; then
  device=cpu
  count=${GPUS:-2}
  MANY=${MANY:-$FEW}
else
  device=cuda
  MANY=${MANY:-1000000}
fi
last=$((count - 1))
declare -A limits=([serve]=200 [esm2]=200 [dnabert_s]=120 [one]=200 [all]=140 [speed]=240 [slow]=140 [killed]=110
  [few]=110 [long]=900 [together]=200 [verify]=400 [table]=60)

server_url() { echo "grpc://127.0.0.1:$((GRPC + 3 * $1))"; }
metrics_url() { echo "http://127.0.0.1:$((GRPC + 3 * $1 + 1))/metrics"; }
# The first so many servers, with commas between.
urls() { for i in $(seq 0 $(($1 - 1))); do "$2" "$i"; done | paste -sd,; }

# Children of a process; pgrep is not everywhere.
children() { grep -lsE "^PPid:[[:space:]]+$1\$" /proc/[0-9]*/status | cut -d/ -f3; }

start_server() { # NUMBER GPUS: on the ports of that number; "all" for every GPU
  local gpu=${gpus[$1]:-} port=$((GRPC + 3 * $1))
  [ "$2" != all ] || gpu=$(IFS=,; echo "${gpus[*]}")
  rm -f "$WORK/serve-$1.out"
  # A session of its own: it stays when this step ends.
  CUDA_VISIBLE_DEVICES=$gpu setsid "$BUN" "$root/src/cli/main.ts" serve --repository "$repository" --server-bin "$TRITON" \
    --http-port $((port - 1)) --grpc-port "$port" --metrics-port $((port + 1)) --drain-timeout 5 \
    > "$WORK/serve-$1.out" 2> "$LOG/serve-$1.log" < /dev/null &
  echo $! > "$WORK/serve-$1.pid"
}

wait_for_server() { # NUMBER
  until [ -s "$WORK/serve-$1.out" ]; do
    if ! kill -0 "$(cat "$WORK/serve-$1.pid")" 2> /dev/null; then
      tail -30 "$LOG/serve-$1.log" >&2
      say "server $1 did not start"
      return 1
    fi
    sleep 0.2
  done
}

stop_servers() {
  local file pid
  for file in "$WORK"/serve-*.pid; do
    [ ! -e "$file" ] || kill -TERM "$(cat "$file")" 2> /dev/null
  done
  for file in "$WORK"/serve-*.pid; do
    [ -e "$file" ] || continue
    pid=$(cat "$file")
    for _ in $(seq 150); do kill -0 "$pid" 2> /dev/null || break; sleep 0.2; done
    kill -KILL "$pid" 2> /dev/null
    rm -f "$file"
  done
}

# The first so many GPUs, by default all, have servers of their own that answer: a step before may have ended with less.
need_servers() {
  local i started=$SECONDS end=$((${1:-$count} - 1))
  [ ! -e "$WORK/together" ] || { stop_servers; rm -f "$WORK/together"; }
  for i in $(seq 0 $end); do
    if [ -e "$WORK/serve-$i.pid" ] && kill -0 "$(cat "$WORK/serve-$i.pid")" 2> /dev/null; then continue; fi
    start_server "$i" one
  done
  for i in $(seq 0 $end); do wait_for_server "$i" || return 1; done
  [ $((SECONDS - started)) -lt 1 ] || echo "{\"step\": \"servers ready\", \"seconds\": $((SECONDS - started))}" | keep times
}

scaling() { # NAME ARGUMENTS...
  local name=$1
  [ -z "$ended" ] || return 1
  shift
  rm -f "$LOG/scaling-$name.json"
  (cd "$root" && exec "$BUN" bench/scaling/main.ts --kind "$KIND" --json "$LOG/scaling-$name.json" "$@") 2>&1 | keep scaling
}

predict() { # NAME READS SERVERS ARGUMENTS...: on the first so many servers
  local name=$1 reads=$2 servers=$3 code
  shift 3
  [ -z "$ended" ] || return 1
  make_reads "$reads" "reads-$reads" || return 1
  rm -rf "$WORK/run-$name" "$LOG"/{watch,predict,summary,metrics,tables}-"$name".*
  (cd "$WORK" && exec "$PYTHON" "$here/watch.py" "$(urls "$servers" metrics_url)" "$LOG/watch-$name.jsonl" -- \
    "$BUN" "$root/src/cli/main.ts" predict "reads-$reads.fa" --bundle "$bundle" --triton "$(urls "$servers" server_url)" \
    --expected-length 300 --any-length --output-dir "$WORK/run-$name" --no-progress --log-file "$LOG/predict-$name.log" "$@") \
    > "$LOG/watch-$name.json" 2> "$LOG/predict-$name.err"
  code=$?
  cat "$LOG/watch-$name.json"
  find "$WORK/run-$name" -name summary.json -exec cp {} "$LOG/summary-$name.json" \;
  find "$WORK/run-$name" -name metrics.jsonl -exec cp {} "$LOG/metrics-$name.jsonl" \;
  (cd "$WORK/run-$name" && find . -name 'prediction_results*' -type f -exec sha256sum {} + | sort -k2) > "$LOG/tables-$name.txt"
  rm -rf "$WORK/run-$name"
  [ "$code" = 0 ] || { tail -5 "$LOG/predict-$name.err" >&2; say "predict ended with $code"; }
  return "$code"
}

step_serve() {
  stop_servers
  { nvidia-smi; nvidia-smi topo -m; df -h /dev/shm; nproc; free -g; } > "$LOG/machine.txt" 2>&1
  # shellcheck disable=SC2086
  cli repository build --bundle "$bundle" ${HOSTING:---backend python --plans "$plans"} --output "$repository" --force \
    ${INSTANCES:+--instances $INSTANCES} 2>&1 | keep serve || return 1
  need_servers
}

step_esm2() {
  need_servers && scaling esm2 --models esm2 --triton "$(urls "$count" server_url)" --seconds "$SECONDS_EACH" \
    $([ "$count" -gt 4 ] || echo --each)
}

step_dnabert_s() {
  need_servers && scaling dnabert_s --models dnabert_s --triton "$(urls "$count" server_url)" \
    --seconds "$((SECONDS_EACH / 2 + 1))" $([ "$count" -gt 4 ] || echo --each)
}

step_one() { need_servers 1 && predict one "$READS" 1; }

step_all() { need_servers && predict all "$READS" "$count"; }

has_plans() { [ -z "${HOSTING:-}" ] && ls "$plans"/esm2/*.plan "$plans"/dnabert_s/*.plan > /dev/null 2>&1; }

plan_alone() { # MODEL BATCHES: on the first GPU
  has_plans || return 0
  [ -z "$ended" ] || return 1
  say "$1: the plan by itself"
  (cd "$here" && CUDA_VISIBLE_DEVICES=${gpus[0]:-} exec "$TRT_PYTHON" plan_speed.py --shape "$models/$1.shape.json" \
    --batches "$2" "$plans/$1"/*.plan) 2>&1 | tee -a "$LOG/speed-plan-$1.txt"
}

step_speed() {
  local model batches batch flight code=0
  need_servers 1 || return 1
  rm -f "$LOG"/speed-plan-*.txt "$LOG/speed-server.txt"
  has_plans || say "no plans: nothing to compare the server with"
  for model in esm2 dnabert_s; do
    batches=97x168,321x51
    [ $model = dnabert_s ] && batches=1600x40,590x110
    plan_alone $model $batches || code=1
    for batch in ${batches//,/ }; do
      for flight in ${FLIGHTS//,/ }; do
        [ -z "$ended" ] || return 1
        say "$model: $batch through the server, $flight in flight"
        "$BUN" "$here/triton-client.ts" "$(server_url 0)" $model "${batch%x*}" "${batch#*x}" "$flight" \
          "$((SECONDS_EACH / 5 + 1))" 2>&1 | tee -a "$LOG/speed-server.txt" || code=1
      done
    done
    # Again: a GPU that has become warm is slower.
    plan_alone $model $batches || code=1
  done
  return "$code"
}

step_long() { need_servers && predict long "$MANY" "$count"; }

step_few() { need_servers 1 && predict few "$FEW" 1; }

step_slow() {
  local load code
  need_servers || return 1
  CUDA_VISIBLE_DEVICES=${gpus[$last]:-} "$PYTHON" "$here/foreign_load.py" --device "$device" --size "$LOAD_SIZE" \
    > "$LOG/foreign.txt" 2>&1 < /dev/null &
  load=$!
  # shellcheck disable=SC2064
  trap "kill -TERM $load 2> /dev/null" EXIT
  for _ in $(seq 100); do [ -s "$LOG/foreign.txt" ] && break; sleep 0.2; done
  grep -q ready "$LOG/foreign.txt" || { cat "$LOG/foreign.txt" >&2; say "there is no other load"; return 1; }
  scaling slow --models esm2 --triton "$(server_url "$last")" --seconds "$((SECONDS_EACH / 4 + 1))"
  # Frequent samples: the warning wants several of them.
  predict slow "$FEW" "$count" --metrics-interval 2
  code=$?
  kill -TERM "$load" 2> /dev/null
  wait "$load" 2> /dev/null
  cat "$LOG/foreign.txt"
  return "$code"
}

step_killed() {
  need_servers || return 1
  predict killed "$FEW" "$count" --metrics-interval 2 &
  local run=$! serve server
  sleep "$KILL_AFTER"
  kill -0 "$run" 2> /dev/null || say "the run has ended already: nothing is killed"
  serve=$(cat "$WORK/serve-$last.pid")
  # The server itself, with no warning to the program that watches it.
  for server in $(children "$serve"); do
    grep -qs tritonserver "/proc/$server/cmdline" && kill -KILL "$server" && say "killed server $last, process $server"
  done
  wait "$run"
}

step_together() {
  stop_servers
  touch "$WORK/together"
  local started=$SECONDS
  start_server 0 all
  wait_for_server 0 || return 1
  echo "{\"step\": \"one server with all GPUs ready\", \"seconds\": $((SECONDS - started))}" | keep times
  scaling together --models esm2 --triton "$(server_url 0)" --seconds "$((SECONDS_EACH / 2 + 1))"
  predict together "$FEW" 1
}

step_verify() {
  has_plans || { say "no plans: nothing to verify"; return 0; }
  stop_servers
  CUDA_VISIBLE_DEVICES=${gpus[$last]:-} "$here/whole.sh" verify
}

step_table() {
  (cd "$root" && exec "$BUN" bench/gpu/multi-table.ts "$LOG" "$count" "127.0.0.1:$((GRPC + 3 * last))" --json "$LOG/multi.json") > "$LOG/multi.txt"
  cat "$LOG/multi.txt"
}

# A step in a process of its own, which can be ended with everything that it has started but the servers. Then it still
# puts by what was measured, and begins nothing new.
ended=
if [ "${1:-}" = --step ]; then
  trap 'ended=yes' TERM
  "step_$2"
  exit
fi

steps=("$@")
[ $# -gt 0 ] || steps=(serve esm2 dnabert_s one all speed slow killed few together verify long table)
for step in "${steps[@]}"; do
  [ -n "${limits[$step]:-}" ] || { echo "multi.sh: no step $step" >&2; exit 2; }
done
trap stop_servers EXIT
trap 'exit 130' INT TERM
failed=()
for step in "${steps[@]}"; do
  begin=$SECONDS
  limit=${limits[$step]}
  left=$((LIMIT - SECONDS))
  [ "$step" = table ] && left=$limit
  if [ "$left" -lt 15 ]; then
    say "== $step: no time left"
    failed+=("$step")
    continue
  fi
  say "== $step"
  timeout --kill-after=15 "$((limit < left ? limit : left))" bash "$0" --step "$step" < /dev/null
  code=$?
  [ "$code" = 0 ] || { say "== $step ended with $code"; failed+=("$step"); }
  echo "{\"step\": \"$step\", \"seconds\": $((SECONDS - begin)), \"exit_code\": $code}" | keep steps
  archive
  say "== $step: $((SECONDS - begin)) s"
done
stop_servers
trap - EXIT
archive
[ ${#failed[@]} = 0 ] || { say "not whole: ${failed[*]}"; exit 1; }
