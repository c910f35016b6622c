"""What check scripts share: a tally of what holds, and commands with all that they said."""

import subprocess

# How long a command may take; installing packages takes longest.
LONGEST_S = 300


class Tally:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, holds, said=""):
        if holds:
            self.passed += 1
            print(f"ok     {what}")
        else:
            self.failed += 1
            print(f"FAILED {what}: {said.strip()}")

    def both(self, what, check, good, damaged):
        """A check that takes a text and refuses its damaged copy; `check` gives what is wrong, or nothing."""
        wrong = check(good)
        self.check(f"{what} keeps its schema", not wrong, wrong)
        self.check(f"a damaged copy of {what} is refused", good != damaged and bool(check(damaged)), "it was taken")


def run(words, **more):
    """The exit status of a command, and all that it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=LONGEST_S, **more)
    return done.returncode, done.stdout + done.stderr
