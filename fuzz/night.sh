#!/usr/bin/env bash
# Every fuzz target under libFuzzer, guided by coverage, and a table of what came out.
#
#   fuzz/night.sh [RUNS] [SECONDS] [TARGET…]        default: 10000000 runs or 1800 s a target, whichever comes first
#
# Wants a nightly compiler and cargo-fuzz (`cargo install cargo-fuzz`). Inputs that reach something new are kept below
# fuzz/corpus, so that the next night goes on from there; one that fails lies below fuzz/artifacts and becomes a seed once it
# is mended. Prints rows for docs/reliability.md, and fails where a target failed.
#
# FUZZ_PROGRAMS names a folder of programs that cargo-fuzz has built; they are run as they are. FUZZ_LENGTH is the longest
# input in bytes: short ones are tried several times as fast.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

runs=${1:-10000000}
seconds=${2:-1800}
shift $(($# < 2 ? $# : 2))
targets=("$@")
if ((${#targets[@]} == 0)); then
  mapfile -t targets < <(cargo +nightly fuzz list)
fi

# at most 10 s and 512 MB for one input
limits=(-timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len="${FUZZ_LENGTH:-65536}" -print_final_stats=1)

one_target() {
  local inputs=("corpus/$target" "seeds/$target") bounds=(-runs="$runs" -max_total_time="$seconds" "${limits[@]}")
  if [[ -n ${FUZZ_PROGRAMS:-} ]]; then
    mkdir -p "artifacts/$target"
    "$FUZZ_PROGRAMS/$target" "${bounds[@]}" -artifact_prefix="artifacts/$target/" "${inputs[@]}"
  else
    cargo +nightly fuzz run "$target" "${inputs[@]}" -- "${bounds[@]}"
  fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
echo "| target | executions | time | places reached | inputs kept | what came out |"
echo "|---|---:|---:|---:|---:|---|"
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  status=0
  one_target >"$log" 2>&1 || status=$?

  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
  took=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log" | tail -1)
  reached=$(grep -o 'cov: [0-9]*' "$log" | tail -1 | cut -d' ' -f2 || true)
  kept=$(find "corpus/$target" -type f | wc -l)
  said="nothing found"
  if ((status != 0)); then
    failed=1
    said=$(grep -m1 -oE 'SUMMARY: .*|panicked at .*|error: .*' "$log" || echo "status $status")
  fi
  echo "| $target | ${executed:-–} | ${took:-–} s | ${reached:-–} | $kept | ${said//|/\/} |"
done
exit "$failed"
