#!/usr/bin/env bash
# Kills, full disks, stepping clocks and lost power, many times over, as a table on stdout.
#
#   benches/faults/run.sh [ROUNDS] [SEED]
#
# 100 rounds take about an hour on two cores. The rows are those of docs/reliability.md. A failed test leaves its row out
# and makes this fail; the same seed gives the same moments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

table=$(mktemp)
trap 'rm -f "$table"' EXIT
export INFERCOST_FAULT_KILLS=${1:-100} INFERCOST_FAULT_SEED=${2:-20261129} INFERCOST_FAULT_TABLE=$table

status=0
cargo test -p infercost --test faults --no-fail-fast >&2 || status=$?

echo "| what | how often | what came out |"
echo "|---|---|---|"
sort "$table"
exit "$status"
