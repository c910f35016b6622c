#!/usr/bin/env python3
"""What a build from nothing takes, crate by crate: `cargo build --timings`, read back as a table.

    release/timings.py [--profile release] [--most 15]

Builds the program into an empty folder, which is removed again: what the first command of the README takes from a clean
clone once its crates are downloaded. Takes several minutes on two cores. Prints Markdown for docs/reliability.md.
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

ROOT = pathlib.Path(__file__).resolve().parents[1]
UNITS = re.compile(r"const UNIT_DATA = (\[.*?\]);", re.DOTALL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="release")
    parser.add_argument("--most", type=int, default=15, help="crates that are named")
    arguments = parser.parse_args()

    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory(prefix="infercost-timings-") as target:
        began = time.monotonic()
        command = ["cargo", "build", "--locked", "-p", "infercost", "--profile", arguments.profile, "--timings"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "CARGO_TARGET_DIR": target}, check=True)
        seconds = time.monotonic() - began
        page = (pathlib.Path(target) / "cargo-timings/cargo-timing.html").read_text(encoding="utf-8")

    units = json.loads(UNITS.search(page)[1])
    crates = {}
    for unit in units:
        name = f"{unit['name']} {unit['version']}"
        crates[name] = crates.get(name, 0.0) + unit["duration"]
    all_s = sum(crates.values())

    print(f"{seconds / 60:.1f} minutes for {len(crates)} crates on {os.cpu_count()} processors (profile "
          f"{arguments.profile}); {all_s:.0f} s of building in all.\n")
    print("| crate | seconds | share |\n|---|---:|---:|")
    slowest = sorted(crates.items(), key=lambda item: -item[1])
    for name, took in slowest[:arguments.most]:
        print(f"| {name} | {took:.1f} | {took / all_s:.0%} |")
    others = slowest[arguments.most:]
    print(f"| {len(others)} others | {sum(took for _, took in others):.1f} | {sum(t for _, t in others) / all_s:.0%} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
