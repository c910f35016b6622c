#!/usr/bin/env bash
# Three runs of one build: two alike, one with half the threads. `infercost diff` must show no difference of any cost or
# time between the first two, and call decoding of the third worse. Needs a quiet machine with two cores or more.
# usage: benches/ci/same_build.sh [INFERCOST] [MODEL] [PROMPTS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

program=$(realpath "${1:-target/release/infercost}")
model=${2:-smollm2-135m-instruct/q8_0}
prompts=${3:-24}
all=$(nproc)
((all >= 2)) || { echo "SKIPPED: one core has no half"; exit 0; }

traces=$(mktemp -d)
trap 'rm -rf "$traces"' EXIT
for threads in "$all" "$all" $((all / 2)); do
  "$program" record "$model" --max-prompts "$prompts" --threads "$threads" --traces "$traces" >/dev/null
done
mapfile -t runs < <(ls "$traces" | sort)

verdicts() { # OLD NEW: a line a metric
  "$program" diff "$traces/$1" "$traces/$2" --json |
    python3 -c 'import json, sys
for variant in json.load(sys.stdin)["variants"]:
    for metric in variant["metrics"]:
        print(metric["metric"], metric["verdict"])'
}

failed=0
echo "== the same build twice"
"$program" diff "$traces/${runs[0]}" "$traces/${runs[1]}" || true
if verdicts "${runs[0]}" "${runs[1]}" | grep -E ' (better|worse)$'; then
  echo "FAILED: two runs of one build differ"
  failed=1
else
  echo "ok     no difference shown"
fi

echo "== half the threads"
"$program" diff "$traces/${runs[0]}" "$traces/${runs[2]}" || true
if verdicts "${runs[0]}" "${runs[2]}" | grep -q '^decode worse$'; then
  echo "ok     worse"
else
  echo "FAILED: half the threads decode no slower"
  failed=1
fi
exit "$failed"
