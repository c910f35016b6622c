#!/usr/bin/env bash
# Does another program turn an answer round? Runs the default comparison on a quiet machine and beside a program that keeps
# one core busy, and writes a table into a document. What is done is kept, so that a stop costs one run: start it again.
#
#   benches/noise.sh --infercost target/release/infercost --document docs/verdicts.md
#
#   --infercost BINARY   the program to try (default: target/release/infercost)
#   --document FILE      the document with the markers <!-- noise:begin --> and <!-- noise:end --> (default: none, the
#                        table goes to stdout alone)
#   --runs N             runs of each kind (default: 5)
#   --aa N               instead: N comparisons of one model with itself under two names, beside the busy program; counts how
#                        often a difference is claimed (markers <!-- noise-aa:begin --> and <!-- noise-aa:end -->)
#   --quiet              --aa without the busy program (markers <!-- noise-aa-quiet:begin --> and -quiet:end -->)
#   --model FILE         the model file of --aa (default: the smallest .gguf in the cache)
#   --work DIR           where runs and results are kept (default: traces/noise)
#   --fresh              throw away what an earlier start has kept
#   -- ARGUMENT…         further arguments of `infercost compare`
#
# Needs python3. Use it on a machine with nothing else to do: what else runs is noise of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

exec python3 benches/noise/noise.py "$@"
