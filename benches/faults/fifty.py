#!/usr/bin/env python3
"""Runs the tests that time or chance could upset many times, beside a busy neighbor, and names each that ever failed.

    benches/faults/fifty.py [--rounds 50] [--minutes 600] [--only NAME,NAME] [--all] [--features LIST] [--slow SECONDS]
                            [--neighbors N] [--beside WHAT]

A test binary is of that kind where its sources name clocks, threads, sockets or processes; --all takes every binary. The
binaries are built once and then run as they are, one after the other, while `--neighbors` processes (as many as there are
processors) do nothing but count. With --beside nothing counts: something else keeps the machine busy, and WHAT names it.

First each binary runs once, whole, and each test is timed. Then the quickest binary is repeated, then the next, each at
most for its share of the minutes that are left. Tests of more than --slow seconds are left out of these rounds and
counted apart, so that one slow test does not take the rounds of all the quick ones beside it. A round that fails is kept
as a log. Prints a table in Markdown for docs/reliability.md; exits with 1 where anything failed.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
UPSET = re.compile(r"Instant::now|std::time|thread::|sleep\(|TcpListener|Command::new|process::|CARGO_BIN_EXE")
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE)
FAILED = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. FAILED", re.MULTILINE)
TIMED = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. \w+ <([\d.]+)s>$", re.MULTILINE)
ONE_ROUND_S = 1800


class Binary:
    """A test program of the workspace."""

    def __init__(self, message):
        target = message["target"]
        self.path = message["executable"]
        self.package = pathlib.Path(message["manifest_path"]).parent
        self.source = pathlib.Path(target["src_path"])
        kind = "" if target["kind"] == ["test"] else " (unit tests)"
        self.name = f"{self.package.name}::{target['name']}{kind}"
        self.tests, self.slow, self.rounds = 0, [], 0
        self.expected_s, self.longest_s = 0.0, 0.0
        self.failures = {}

    def is_of_the_kind(self):
        """Whether what it is made of names anything that time or chance could upset."""
        folder = self.source.parent
        own = [self.source]
        beside = folder / self.source.stem
        if self.source.name in ("lib.rs", "main.rs"):
            own = folder.rglob("*.rs")
        elif beside.is_dir():
            own += beside.rglob("*.rs")
        return any(UPSET.search(file.read_text(encoding="utf-8")) for file in own)


def built(features):
    """Every test binary, built once."""
    command = ["cargo", "test", "--workspace", "--no-run", "--message-format", "json"]
    command += ["--features", features] if features else []
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        if not line.startswith("{"):
            continue
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
            binary = Binary(message)
            found[binary.name] = binary
    return [found[name] for name in sorted(found)]


def count_for_ever():
    """A neighbor: a process that keeps one processor busy until it is stopped."""
    return subprocess.Popen([sys.executable, "-c", "n = 0\nwhile True: n += 1"])


def one_round(binary, without, logs):
    """Runs a binary once, without some of its tests, enters what came out, and returns the seconds of each test."""
    command = [binary.path, "-Zunstable-options", "--report-time"]
    command += ["--exact"] * bool(without) + [word for name in without for word in ("--skip", name)]
    # cargo gives tests their programs and folders by the first; a stable libtest reports times only with the second
    environment = {**os.environ, "CARGO_MANIFEST_DIR": str(binary.package), "RUSTC_BOOTSTRAP": "1"}

    began = time.monotonic()
    try:
        done = subprocess.run(command, cwd=binary.package, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=ONE_ROUND_S)
        said, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        said, status = (late.stdout or b"").decode(errors="replace"), "no end"
    took_s = time.monotonic() - began

    names = FAILED.findall(said)
    if status != 0 and not names:
        names = [f"(the whole binary: status {status})"]
    for name in names:
        binary.failures[name] = binary.failures.get(name, 0) + 1
    if names:
        (logs / f"{re.sub('[^a-z0-9_]+', '-', binary.name)}-{binary.rounds + 1}.log").write_text(said)

    counts = RESULT.search(said)
    binary.tests = max(binary.tests, int(counts[1]) + int(counts[2]) if counts else 0)
    binary.rounds += 1
    binary.longest_s = max(binary.longest_s, took_s)
    return {name: float(seconds) for name, seconds in TIMED.findall(said)}


def row(binary):
    """A binary's line of the table."""
    failures = ", ".join(f"`{name}` {count} ×" for name, count in sorted(binary.failures.items())) or "none"
    slow = f"{len(binary.slow)}, once" if binary.slow else "–"
    quick = binary.tests - len(binary.slow)
    return f"| {binary.name} | {quick} | {binary.rounds} | {slow} | {failures} | {binary.longest_s:.1f} s |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--only", default="", help="parts of names, with commas between them")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--features", default="", help="features of the build, as cargo takes them")
    parser.add_argument("--slow", type=float, default=10, help="seconds above which a test is run once")
    parser.add_argument("--neighbors", type=int, default=os.cpu_count())
    parser.add_argument("--beside", default="", help="what keeps the machine busy, in place of --neighbors")
    parser.add_argument("--list", action="store_true", help="name the binaries, and run nothing")
    arguments = parser.parse_args()

    wanted = [part for part in arguments.only.split(",") if part]
    chosen = [one for one in built(arguments.features) if arguments.all or one.is_of_the_kind()]
    chosen = [one for one in chosen if not wanted or any(part in one.name for part in wanted)]
    if not chosen:
        sys.exit("no test binary has such a name")
    if arguments.list:
        print("\n".join(one.name for one in chosen))
        return 0

    logs = pathlib.Path(tempfile.mkdtemp(prefix="infercost-fifty-"))
    neighbors = [] if arguments.beside else [count_for_ever() for _ in range(arguments.neighbors)]
    until = time.monotonic() + 60 * arguments.minutes
    try:
        for binary in chosen:
            times = one_round(binary, [], logs)
            binary.slow = sorted(name for name, seconds in times.items() if seconds > arguments.slow)
            binary.expected_s = sum(seconds for seconds in times.values() if seconds <= arguments.slow) / os.cpu_count()
            print(f"{binary.name}: {binary.longest_s:.1f} s{' FAILED' * bool(binary.failures)}", file=sys.stderr, flush=True)
        repeat(sorted(chosen, key=lambda one: one.expected_s), arguments.rounds, until, logs)
    except KeyboardInterrupt:
        print("stopped before its end", file=sys.stderr)
    finally:
        for neighbor in neighbors:
            neighbor.kill()
            neighbor.wait()

    beside = arguments.beside or f"{arguments.neighbors} processes that count"
    print(f"Beside {beside}. Tests of more than {arguments.slow:g} s are run once.\n")
    print("| tests | tests a round | rounds | slow tests | failures | longest round |\n|---|---:|---:|---:|---|---:|")
    print("\n".join(row(binary) for binary in chosen))
    broken = sum(len(binary.failures) for binary in chosen)
    runs = sum((binary.tests - len(binary.slow)) * binary.rounds + len(binary.slow) for binary in chosen)
    print(f"\n{sum(binary.tests for binary in chosen):,} tests, {runs:,} runs of a test, {broken} tests that ever failed")
    if broken:
        print(f"logs: {logs}")
    return 1 if broken else 0


def repeat(binaries, rounds, until, logs):
    """Repeats each binary without its slow tests, the quickest first, each at most for its share of the time left."""
    for index, binary in enumerate(binaries):
        if binary.tests == len(binary.slow):
            continue
        share = time.monotonic() + max(until - time.monotonic(), 0) / (len(binaries) - index)
        while binary.rounds < rounds and time.monotonic() + binary.expected_s < share:
            began = time.monotonic()
            one_round(binary, binary.slow, logs)
            binary.expected_s = time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
