#!/bin/sh
# Snakemake retries whatever the exit code is. Where a retry cannot help (docs/reference/exit-codes.md), later attempts end at once.
# Usage: retryable.sh ATTEMPT NOTE COMMAND [WORD …]
attempt=$1 note=$2
shift 2
if [ "$attempt" -gt 1 ] && [ -e "$note" ]; then
  code=$(cat "$note")
  echo "not tried again after exit code $code: see the message of the first attempt" >&2
  exit "$code"
fi
rm -f "$note"
"$@"
code=$?
case $code in
0 | 2 | 69 | 74 | 75 | 137 | 143) ;;
*) echo "$code" > "$note" ;;
esac
exit "$code"
