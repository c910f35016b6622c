#!/usr/bin/env python3
"""Runs the tests that time or chance could upset many times, beside a busy neighbor, and names each that ever failed.

    benches/faults/fifty.py [--rounds 50] [--only NAME,NAME] [--all] [--minutes 120] [--neighbors N]

A test binary is of that kind where its sources name clocks, threads, sockets or processes; --all takes every binary. The
binaries are built once and then run as they are, one after the other, while `--neighbors` processes (as many as there are
processors) do nothing but count. A round that fails is kept as a log. Ends when the rounds or the minutes are over, and
prints a table in Markdown for docs/reliability.md; exits with 1 where anything failed. --minutes is shared among the
binaries: each gets its part, and the table says how many rounds that was.
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
FAILED = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. FAILED$", re.MULTILINE)
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


def built():
    """Every test binary, built once."""
    command = ["cargo", "test", "--workspace", "--no-run", "--message-format", "json"]
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


def one_round(binary):
    """Passed, failed, seconds, names of what failed, and all that was said."""
    began = time.monotonic()
    # cargo gives tests their programs and folders by these
    environment = {**os.environ, "CARGO_MANIFEST_DIR": str(binary.package)}
    try:
        done = subprocess.run([binary.path], cwd=binary.package, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=ONE_ROUND_S)
        said, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        said, status = (late.stdout or b"").decode(errors="replace"), "no end"
    took = time.monotonic() - began

    counts = RESULT.search(said)
    passed, failed = (int(counts[1]), int(counts[2])) if counts else (0, 0)
    names = FAILED.findall(said)
    if status != 0 and not names:
        names = [f"(the whole binary: status {status})"]
    return passed, max(failed, len(names)), took, names, said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--only", default="", help="parts of names, with commas between them")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--neighbors", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="name the binaries, and run nothing")
    arguments = parser.parse_args()

    wanted = [part for part in arguments.only.split(",") if part]
    chosen = [one for one in built() if arguments.all or one.is_of_the_kind()]
    chosen = [one for one in chosen if not wanted or any(part in one.name for part in wanted)]
    if not chosen:
        sys.exit("no test binary has such a name")
    if arguments.list:
        print("\n".join(one.name for one in chosen))
        return 0

    logs = pathlib.Path(tempfile.mkdtemp(prefix="infercost-fifty-"))
    neighbors = [count_for_ever() for _ in range(arguments.neighbors)]
    until = time.monotonic() + 60 * arguments.minutes
    print(f"| tests ({arguments.neighbors} busy neighbors) | tests a round | rounds | failures | longest round |")
    print("|---|---:|---:|---|---:|")
    broken, tests, rounds_in_all = 0, 0, 0
    try:
        for index, binary in enumerate(chosen):
            share = time.monotonic() + max(until - time.monotonic(), 0) / (len(chosen) - index)
            failures, most, longest, rounds = {}, 0, 0.0, 0
            while rounds < arguments.rounds and (rounds == 0 or time.monotonic() + longest < share):
                passed, failed, took, names, said = one_round(binary)
                rounds += 1
                most, longest = max(most, passed + failed), max(longest, took)
                for name in names:
                    failures[name] = failures.get(name, 0) + 1
                if names:
                    log = logs / f"{binary.name.replace('::', '-').replace(' ', '-')}-{rounds}.log"
                    log.write_text(said)
            said = ", ".join(f"`{name}` {count} ×" for name, count in sorted(failures.items())) or "none"
            print(f"| {binary.name} | {most} | {rounds} | {said} | {longest:.1f} s |", flush=True)
            broken += len(failures)
            tests += most
            rounds_in_all += rounds * most
    finally:
        for neighbor in neighbors:
            neighbor.kill()
            neighbor.wait()

    print(f"\n{tests:,} tests, {rounds_in_all:,} runs of a test, {broken} tests that ever failed")
    if broken:
        print(f"logs: {logs}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
