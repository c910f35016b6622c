#!/usr/bin/env bash
# Measures on machines that are reached by ssh, one after another, each pushing its run to the team's store.
#
#   deploy/ssh/measure.sh mine.jsonl 4090=gpu-box mac=studio.local
#
# Each machine has infercost (built with `--features fleet`) on its PATH, and ~/.config/infercost/store.env (owner-only) with
# the variables of the store. A machine that fails is named at the end, and the others go on.
set -euo pipefail

prompts=${1:?a prompt set, then LABEL=HOST …}
shift
failed=()

for pair in "$@"; do
  label=${pair%%=*} host=${pair#*=}
  echo "== $label on $host"
  ssh "$host" 'mkdir -p infercost && cat >infercost/prompts.jsonl' <"$prompts" || { failed+=("$host"); continue; }
  ssh "$host" "cd infercost && set -a && . ~/.config/infercost/store.env && set +a &&
    infercost record qwen3-0.6b/full qwen3-0.6b/q8_0 --prompts prompts.jsonl --label '$label' --traces s3://team/infercost" \
    </dev/null || failed+=("$host")
done

if ((${#failed[@]} > 0)); then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
