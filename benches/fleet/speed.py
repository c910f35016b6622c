#!/usr/bin/env python3
"""`infercost fleet --by model,day` next to DuckDB on the same files: `python3 benches/fleet/speed.py DIR [--runs N]`.

Both answer the same question with two threads: inferences, failures, tokens, cost, joules and percentiles of latency by model
and day. Prints the best time of N runs, the peak of memory, and whether both add up to the same cost, to the last digit.
`--infercost PATH` names the program (built with `--release --features fleet`). Needs the package duckdb.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUESTION = """
SELECT model, day, COUNT(*), SUM(failed::INT), SUM(input_tokens), SUM(output_tokens), SUM(cached_input_tokens),
  SUM(cost), SUM(energy_j), approx_quantile(CASE WHEN NOT failed THEN latency_us END, [0.5, 0.9, 0.95, 0.99])
FROM read_parquet('{files}', hive_partitioning = false) WHERE counted GROUP BY model, day
"""


def duckdb_program(folder):
    question = QUESTION.format(files=f"{folder}/inferences/*/*/*.parquet")
    return f"""
import duckdb
duckdb.execute("SET threads = 2")
duckdb.execute("SET enable_progress_bar = false")
rows = duckdb.execute({question!r}).fetchall()
print(sum(row[7] for row in rows if row[7] is not None))
"""


def timed(command):
    """Seconds, peak of memory in bytes, and what was printed."""
    with tempfile.TemporaryFile() as out:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{command[0]} failed with status {child.returncode}")
        out.seek(0)
        return seconds, usage.ru_maxrss * 1024, out.read().decode()


def best(command, runs):
    results = [timed(command) for _ in range(runs)]
    return min(results, key=lambda result: result[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--infercost", type=Path, default=ROOT / "target/release/infercost")
    arguments = parser.parse_args()

    fleet = [str(arguments.infercost), "fleet", str(arguments.folder), "--by", "model,day", "--json"]
    seconds, memory, printed = best(fleet, arguments.runs)
    answer = json.loads(printed)
    ours = sum(Decimal(total["cost"]) for total in answer["totals"] if total["cost"] is not None)
    inferences = sum(total["inferences"] for total in answer["totals"])
    other_seconds, other_memory, other = best([sys.executable, "-c", duckdb_program(arguments.folder)], arguments.runs)

    print(f"{inferences} inferences, {len(answer['rows'])} groups")
    print(f"{'':10} {'seconds':>8} {'MB':>7}")
    print(f"{'infercost':10} {seconds:8.2f} {memory / 1e6:7.0f}")
    print(f"{'DuckDB':10} {other_seconds:8.2f} {other_memory / 1e6:7.0f}")
    same = ours == Decimal(other.strip())
    print(f"ratio {seconds / other_seconds:.2f}; {'the same cost' if same else f'costs differ: {ours} and {other}'}")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
