#!/usr/bin/env bash
# Checks the feature `cuda` where a GPU is at hand, in at most twelve minutes and without a network, with what was built
# beforehand. Run it on the machine with the GPU:
#
#   benches/cuda/run.sh BUILT_FOLDER MODELS_FOLDER [RESULTS_FOLDER]
#
# BUILT_FOLDER is the folder `target` in the work folder of `benches/cuda/check.sh` (there with `--release` for speeds
# that mean something): it holds `infercost` and, below `deps`, the test program `cuda-…` of the crate of engines.
# MODELS_FOLDER holds GGUF files of one model, among them one in full precision, such as the cache of
# `infercost models pull smollm2-135m-instruct`. Libraries of CUDA come from the machine, or from LD_LIBRARY_PATH.
#
# Each step has a time limit. The script says which steps passed, and ends with 1 where one did not.
set -u

if [ $# -lt 2 ]; then
    sed -n '2,13p' "$0" | sed 's/^# \{0,1\}//'
    exit 2
fi
built=$(cd "$1" && pwd) || exit 2
models=$(cd "$2" && pwd) || exit 2
results=${3:-$(mktemp -d)}
mkdir -p "$results" && results=$(cd "$results" && pwd) || exit 2
here=$(cd "$(dirname "$0")" && pwd)
cd "$results" || exit 2

newest() { find "$built" -type f -perm -u+x "$@" -printf '%T@ %p\n' | sort -rn | head -n 1 | cut -d ' ' -f 2-; }
infercost=$(newest -name infercost)
tests=$(newest -path '*/deps/*' -name 'cuda-*' ! -name '*.d')
if [ -z "$infercost" ]; then
    echo "no program infercost below $built: build it with benches/cuda/check.sh" >&2
    exit 2
fi

# The largest file is the one in full precision; Q8_0 and Q4_K are the ones that deployments use.
full=$(find -L "$models" -name '*.gguf' -printf '%s %p\n' | sort -rn | head -n 1 | cut -d ' ' -f 2-)
pick() { find -L "$models" -iname "*$1*.gguf" | sort | head -n 1; }
q8=$(pick q8_0)
q4=$(pick q4_k)
if [ -z "$full" ] || [ -z "$q8" ]; then
    echo "$models needs a GGUF file in full precision and one in Q8_0" >&2
    exit 2
fi
text=$here/../prompts/long-context.jsonl

passed=0
failed=0
step() {
    local name=$1 limit=$2 begin=$SECONDS
    shift 2
    printf '%-34s' "$name"
    if timeout "$limit" "$@" >"$name.out" 2>"$name.err"; then
        echo "passed, $((SECONDS - begin)) s"
        passed=$((passed + 1))
    else
        echo "FAILED with $?, $((SECONDS - begin)) s: $results/$name.err"
        tail -n 5 "$name.err" | sed 's/^/    /'
        failed=$((failed + 1))
        return 1
    fi
}

# Compares two scores of one text: perplexities within 1 %.
agree() {
    python3 - "$1" "$2" <<'PYTHON'
import json, sys
one, other = (json.load(open(path))["perplexity"] for path in sys.argv[1:])
print(f"perplexity {one:.4f} on the GPU, {other:.4f} on the CPU")
sys.exit(abs(one / other - 1) > 0.01)
PYTHON
}

step device 30 nvidia-smi --query-gpu=name,driver_version,memory.total,power.draw --format=csv || exit 1
cat device.out

if [ -n "$tests" ]; then
    step tests 120 env INFERCOST_NEEDS_CUDA=1 "$tests" --test-threads=1
else
    echo "tests                             none below $built: cargo test --features cuda --no-run" && failed=$((failed + 1))
fi

step doctor 60 "$infercost" doctor --json

for model in "$full" "$q8" ${q4:+"$q4"}; do
    name=$(basename "$model" .gguf)
    step "score-$name-cuda" 60 "$infercost" score "$model" --text "$text" --device cuda:0 --offline --json &&
        step "score-$name-cpu" 90 "$infercost" score "$model" --text "$text" --offline --json &&
        step "agree-$name" 10 agree "score-$name-cuda.out" "score-$name-cpu.out"
    step "bench-$name" 60 "$infercost" bench "$model" --device cuda:0 --offline --json
done

step compare 150 "$infercost" compare "$full" "$q8" --device cuda:0 --offline --max-prompts 10 --meter nvml --json
step joules 10 python3 - <<'PYTHON'
import json, sys
text = open("compare.out").read()
report = json.loads(text)
print(json.dumps(report.get("energy", report.get("meter", "no energy in the report")))[:400])
sys.exit("joules" not in text and "energy" not in text)
PYTHON

echo "$passed passed, $failed failed; everything is in $results"
[ "$failed" -eq 0 ]
