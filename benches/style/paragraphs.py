#!/usr/bin/env python3
"""How readable function bodies are, crate by crate: `python3 benches/style/paragraphs.py [--check] [PATH…]`.

For the source without tests it prints, per crate and in all: lines, the share of blank lines and of comment lines
inside functions of 20 lines and more, and named local closures (`let f = |…|`) per 1,000 lines.
`--check` exits with status 1 where a crate has fewer than 3 % blank lines or more than 2 closures per 1,000 lines.
`--worst` lists the functions of 20 lines and more without any blank line, longest first.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLOSURE = re.compile(r"^\s*let (mut )?\w+(: [^=]+)? = (move )?\|")
FUNCTION = re.compile(r"^\s*(pub(\([^)]*\))? )?(default )?(const )?(async )?(unsafe )?(extern \"[^\"]*\" )?fn \w")
BLANK_SHARE, CLOSURES = 0.03, 2.0


def source(path):
    """The lines of a file up to its `#[cfg(test)]` module."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for at, line in enumerate(lines):
        if line.strip() == "#[cfg(test)]" and any("mod " in later for later in lines[at + 1 : at + 3]):
            following = next((later for later in lines[at + 1 : at + 4] if "mod " in later), "")
            if following.rstrip().endswith("{"):
                return lines[:at]
    return lines


def functions(lines):
    """(first line, body) of every function whose braces close at its own indentation, as rustfmt leaves them."""
    for at, line in enumerate(lines):
        if not FUNCTION.match(line):
            continue
        indent = len(line) - len(line.lstrip())

        opened = at
        while opened < len(lines) and not lines[opened].rstrip().endswith("{"):
            if lines[opened].rstrip().endswith((";", "}")):
                opened = len(lines)
            opened += 1
        if opened >= len(lines):
            continue

        closing = " " * indent + "}"
        end = opened + 1
        while end < len(lines) and lines[end] != closing:
            end += 1
        yield at, lines[opened + 1 : end]


def files(crate):
    for path in sorted(crate.rglob("src/**/*.rs")):
        parts = path.relative_to(crate).parts
        if "tests" in parts or path.name in ("tests.rs",) or path.name.endswith("_tests.rs"):
            continue
        yield path


def measure(crate, worst):
    total = {"lines": 0, "body": 0, "blank": 0, "why": 0, "closures": 0}
    for path in files(crate):
        lines = source(path)
        total["lines"] += len(lines)
        total["closures"] += sum(1 for line in lines if CLOSURE.match(line))
        for at, body in functions(lines):
            if len(body) + 2 < 20:
                continue
            blank = sum(1 for line in body if not line.strip())
            total["body"] += len(body)
            total["blank"] += blank
            total["why"] += sum(1 for line in body if line.strip().startswith("//"))
            if blank == 0:
                worst.append((len(body), f"{path.relative_to(ROOT)}:{at + 1}"))
    return total


def main():
    flags = {word for word in sys.argv[1:] if word.startswith("--")}
    named = [ROOT / word for word in sys.argv[1:] if not word.startswith("--")]
    crates = named or sorted(path for path in (ROOT / "crates").iterdir() if (path / "src").is_dir())

    worst, rows = [], []
    for crate in crates:
        rows.append((crate.name, measure(crate, worst)))
    summed = {key: sum(row[key] for _, row in rows) for key in rows[0][1]}
    rows.append(("all", summed))

    failed = False
    print(f"{'crate':<22}{'lines':>8}{'blank':>8}{'why':>8}{'closures/1000':>15}")
    for name, row in rows:
        blank = row["blank"] / row["body"] if row["body"] else 1.0
        why = row["why"] / row["body"] if row["body"] else 0.0
        closures = 1000 * row["closures"] / row["lines"] if row["lines"] else 0.0
        bad = (row["body"] and blank < BLANK_SHARE) or closures > CLOSURES
        failed = failed or bool(bad)
        print(f"{name:<22}{row['lines']:>8}{blank:>8.1%}{why:>8.1%}{closures:>15.1f}{'  <' if bad else ''}")

    if "--worst" in flags:
        for length, place in sorted(worst, reverse=True):
            print(f"{length:>4} {place}")
    return 1 if failed and "--check" in flags else 0


if __name__ == "__main__":
    sys.exit(main())
