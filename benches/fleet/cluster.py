#!/usr/bin/env python3
"""`fleet` and `sql` in process, on a Ballista cluster and in DuckDB: `python3 benches/fleet/cluster.py [DIR]`.

Starts one scheduler and two executors on this machine, asks the same questions of each, and compares every number, amounts to
the last digit. Shows the stages of a plan, as the scheduler would run them and as it ran them. Then kills an executor in the
middle of a query, again and again: the answer is right, or an error. Exits with status 1 where anything differs.

DIR holds tables; without it `benches/fleet/generate` makes `--rows` of them. `--infercost PATH` names the program, built with
`--release --features cluster`; `--programs DIR` the folder of `ballista-scheduler` and `ballista-executor`, as
`cargo install --locked ballista-scheduler@55.0.0 ballista-executor@55.0.0` installs them (else INFERCOST_BALLISTA, else PATH).
Needs the package duckdb.
"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from decimal import Decimal
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
# Sums of doubles depend on their order.
DOUBLES = 1e-9

PRICES = """
[[prices]]
model = "vendor/model-1"
to = 2026-11-14
input_per_million = 3.000001
output_per_million = 15.0
cached_input_per_million = 0.3
currency = "USD"
source = "a list"

[[prices]]
model = "vendor/model-1"
from = 2026-11-15
input_per_million = 2.5
output_per_million = 10.0
currency = "USD"
source = "a list"
"""

QUESTIONS = [
    ["--by", "model,day"],
    ["--by", "service,machine"],
    ["--by", "customer", "--from", "2026-11-08", "--to", "2026-11-14", "--movers", "10"],
    ["--by", "model,day", "--prices", "{prices}"],
]

# What all three understand.
STATEMENTS = [
    "SELECT model, COUNT(*), SUM(cost), SUM(input_tokens) FROM inferences GROUP BY model ORDER BY model",
    "SELECT day, SUM(cost) FROM inferences WHERE NOT failed GROUP BY day ORDER BY day",
    "SELECT COUNT(*), SUM(cost) FROM inferences WHERE cost > (SELECT AVG(cost) FROM inferences)",
    "SELECT service, SUM(b.cost) FROM inferences b JOIN (SELECT MAX(cost) AS most FROM inferences) a ON b.cost < a.most "
    "GROUP BY service ORDER BY service",
    "SELECT COUNT(DISTINCT customer), MIN(latency_us), MAX(latency_us) FROM inferences",
]

# Enough work for a kill in the middle.
LONG = (
    "SELECT customer, model, COUNT(*), SUM(cost), SUM(latency_us) FROM inferences GROUP BY customer, model "
    "ORDER BY SUM(cost) DESC, customer, model LIMIT 20"
)


def free_port():
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return sock.getsockname()[1]


class Cluster:
    """One scheduler and two executors, and their logs."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.port, self.started, self.executors = free_port(), 0, []
        soon = ["--executor-timeout-seconds", "10", "--expire-dead-executor-interval-seconds", "1"]
        hosts = ["--bind-host", LOOPBACK, "--external-host", LOOPBACK]
        self.scheduler = self.start("ballista-scheduler", [*hosts, "-p", str(self.port), *soon])
        self.wait_for(0)
        self.start_executor()
        self.start_executor()
        self.wait_for(2)

    @property
    def address(self):
        return f"df://{LOOPBACK}:{self.port}"

    def start(self, program, arguments):
        self.started += 1
        log = open(self.folder / f"{self.started}-{program}.log", "w")
        path = str(self.programs / program) if self.programs else program
        return subprocess.Popen([path, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start_executor(self):
        work = Path(tempfile.mkdtemp(dir=self.folder))
        arguments = ["--bind-host", LOOPBACK, "--external-host", LOOPBACK, "--scheduler-host", LOOPBACK]
        arguments += ["--scheduler-port", str(self.port), "-p", str(free_port()), "--bind-grpc-port", str(free_port())]
        arguments += ["--bind-health-port", str(free_port()), "--work-dir", str(work), "-c", "1"]
        arguments += ["--memory-pool-size", "1GB", "--executor-heartbeat-interval-seconds", "1"]
        self.executors.append(self.start("ballista-executor", arguments))

    def get(self, path):
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def alive(self):
        """How many executors the scheduler believes alive; `None` where it does not answer."""
        try:
            said = self.get("/readyz")
        except urllib.error.HTTPError as error:
            said = error.read().decode()
        except OSError:
            return None
        return int(said.split(":")[1].split()[0].split("/")[0])

    def wait_for(self, executors):
        for _ in range(600):
            if self.alive() == executors:
                return
            time.sleep(0.1)
        sys.exit(f"the cluster does not start; its logs are in {self.folder}")

    def stop(self):
        for process in [self.scheduler, *self.executors]:
            process.kill()
            process.wait()


def same(one, other):
    """Whether two answers are: numbers with a point may differ by the order of their sum."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= DOUBLES * max(abs(one), abs(other))
    return type(one) is type(other) and one == other


class Checks:
    def __init__(self):
        self.failed = 0

    def say(self, name, is_right, more=""):
        self.failed += not is_right
        print(f"{'ok ' if is_right else 'BAD'} {name}{more}", flush=True)


class Program:
    def __init__(self, path, tables, address):
        self.path, self.tables, self.address = str(path), str(tables), address

    def run(self, arguments, on_cluster):
        where = ["--cluster", self.address] if on_cluster else []
        return subprocess.run([self.path, *arguments, self.tables, "--json", *where], capture_output=True, text=True)

    def answer(self, arguments, on_cluster):
        """The answer and its seconds."""
        start = time.monotonic()
        output = self.run(arguments, on_cluster)
        if output.returncode != 0:
            sys.exit(f"{' '.join(arguments)}: status {output.returncode}: {output.stderr}")
        return json.loads(output.stdout), time.monotonic() - start


def compare_questions(program, prices, checks):
    for question in QUESTIONS:
        arguments = ["fleet", *[part.format(prices=prices) for part in question]]
        here, seconds_here = program.answer(arguments, False)
        there, seconds_there = program.answer(arguments, True)
        name = " ".join(question).format(prices="prices.toml")
        rows, times = len(here["rows"]), f"{seconds_here:.2f} s in process, {seconds_there:.2f} s on the cluster"
        checks.say(f"fleet {name}", same(here, there), f": {rows} rows, {times}")


def compare_with_duckdb(program, files, checks):
    """The rows of the first question, and every statement."""
    there, _ = program.answer(["fleet", *QUESTIONS[0]], True)
    found = {
        (row["keys"]["model"], row["keys"]["day"]): (
            row["inferences"],
            row["failures"],
            row["input_tokens"],
            row["output_tokens"],
            None if row["cost"] is None else Decimal(row["cost"]),
        )
        for row in there["rows"]
    }
    duckdb.execute(f"CREATE VIEW inferences AS SELECT * FROM read_parquet('{files}', hive_partitioning = false)")
    rows = duckdb.execute(
        "SELECT model, day, COUNT(*), SUM(failed::INT), SUM(input_tokens), SUM(output_tokens), SUM(cost) "
        "FROM inferences WHERE counted GROUP BY model, day"
    ).fetchall()
    wanted = {(model, str(day)): (*map(int, numbers), cost) for model, day, *numbers, cost in rows}
    checks.say("fleet --by model,day is DuckDB's", found == wanted, f": {sum(row[-1] for row in wanted.values())} USD")

    for statement in STATEMENTS:
        here, _ = program.answer(["sql", statement], False)
        there, _ = program.answer(["sql", statement], True)
        rows = [[None if cell is None else str(cell) for cell in row] for row in duckdb.execute(statement).fetchall()]
        is_right = same(here, there) and there["rows"] == rows
        checks.say(f"sql {statement[:70]}", is_right, "" if is_right else f"\n{here}\n{there}\n{rows}")


def show_stages(program, cluster, checks):
    statement = "SELECT model, SUM(cost) FROM inferences GROUP BY model"
    explained, _ = program.answer(["sql", f"EXPLAIN {statement}"], True)
    plans = dict(explained["rows"])
    checks.say("the plan has stages", "ShuffleWriter" in plans.get("distributed_plan", ""))
    print(plans.get("distributed_plan"))

    program.answer(["sql", statement], True)
    jobs = json.loads(cluster.get("/api/jobs"))
    newest = max(jobs, key=lambda job: job["start_time"])
    stages = json.loads(cluster.get(f"/api/job/{newest['job_id']}/stages"))["stages"]
    print(f"{'stage':>6} {'status':>12} {'tasks':>6} {'rows in':>12} {'rows out':>12}")
    for stage in sorted(stages, key=lambda stage: int(stage["stage_id"])):
        rows = f"{stage['input_rows']:12} {stage['output_rows']:12}"
        print(f"{stage['stage_id']:>6} {stage['stage_status']:>12} {len(stage['tasks']):6} {rows}")
    checks.say("it ran in stages", len(stages) > 1 and all(stage["stage_status"] == "Successful" for stage in stages))


def kill_executors(program, cluster, kills, checks):
    wanted, _ = program.answer(["sql", LONG], False)
    there, seconds = program.answer(["sql", LONG], True)
    checks.say("the long query", same(wanted, there), f": {seconds:.2f} s on the cluster")

    outcomes = {"right": 0, "error": 0}
    for number in range(kills):
        arguments = [program.path, "sql", LONG, program.tables, "--json", "--cluster", program.address]
        child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        delay = seconds * (number + 0.5) / kills
        time.sleep(delay)
        state = "it was running" if child.poll() is None else "it had ended"
        victim = cluster.executors.pop(0)
        victim.kill()
        victim.wait()
        out, err = child.communicate(timeout=600)

        if child.returncode == 0:
            outcome, is_right = "right", same(json.loads(out), wanted)
        else:
            outcome, is_right = "error", not out and "failed on the cluster" in err
        outcomes[outcome] += 1
        more = "" if outcome == "right" else f": {err.strip()[:160]}"
        checks.say(f"killed after {delay:.2f} s, when {state}: {outcome}", is_right, more)

        # with one executor, and with another one in its place
        cluster.wait_for(1)
        checks.say("one executor alone", same(program.answer(["sql", LONG], True)[0], wanted))
        cluster.start_executor()
        cluster.wait_for(2)
    print(f"{kills} kills: {outcomes['right']} right answers, {outcomes['error']} errors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--infercost", type=Path, default=ROOT / "target/release/infercost")
    parser.add_argument("--programs", type=Path, default=os.environ.get("INFERCOST_BALLISTA"))
    arguments = parser.parse_args()
    programs = Path(arguments.programs) if arguments.programs else None
    if programs is None and shutil.which("ballista-scheduler") is None:
        sys.exit("no ballista-scheduler; name its folder with --programs")

    scratch = Path(tempfile.mkdtemp(prefix="infercost-cluster-"))
    tables = arguments.folder
    if tables is None:
        tables = scratch / "tables"
        subprocess.run([ROOT / "benches/fleet/generate", tables, str(arguments.rows)], check=True)
    tables = tables.resolve()
    prices = scratch / "prices.toml"
    prices.write_text(PRICES)

    checks, cluster = Checks(), Cluster(programs, scratch)
    try:
        program = Program(arguments.infercost, tables, cluster.address)
        compare_questions(program, prices, checks)
        compare_with_duckdb(program, f"{tables}/inferences/*/*/*.parquet", checks)
        show_stages(program, cluster, checks)
        kill_executors(program, cluster, arguments.kills, checks)
    finally:
        cluster.stop()
    if checks.failed:
        sys.exit(f"{checks.failed} checks failed; logs in {scratch}")
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
