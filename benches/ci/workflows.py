#!/usr/bin/env python3
"""Holds action.yml and the examples of docs/ci.md against the published schemas, actionlint and the shell.

    benches/ci/workflows.py

Takes check-jsonschema from the package index of Python into a folder of its own, and actionlint from the PATH, or from its
Go module where there is Go. What cannot be had is said as SKIPPED. Each check is made once more on a damaged copy, which it
must refuse. Ends with `N passed, N failed`.
"""

import json
import pathlib
import re
import shutil
import sys
import tempfile
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tally import Tally, run  # noqa: E402, the folder is named in the line before

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKER = "check-jsonschema==0.39.0"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
# Where the example has the action.
ACTION = "./infercost"


def example(section):
    """The YAML below a heading of docs/ci.md."""
    text = (ROOT / "docs/ci.md").read_text()
    return re.search(rf"^## {section}$.*?^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


def checker(work):
    """The Python with check-jsonschema; None where it cannot be had."""
    venv.create(work / "checker", with_pip=True)
    python = work / "checker/bin/python"
    status, said = run([python, "-m", "pip", "install", "--quiet", CHECKER])
    if status != 0:
        print(f"SKIPPED: check-jsonschema cannot be had: {said.strip().splitlines()[-1] if said.strip() else ''}")
        return None
    return python


def linter(work):
    """actionlint; None where it cannot be had."""
    found = shutil.which("actionlint")
    if found or not shutil.which("go"):
        return found
    status, _ = run(["env", f"GOBIN={work / 'bin'}", "GOTOOLCHAIN=local", "go", "install", ACTIONLINT])
    return work / "bin/actionlint" if status == 0 else None


def schemas(tally, python, work):
    """The action and both examples against the schemas that their readers publish."""
    workflow = "name: cost\non: push\n" + example("GitHub")
    action = (ROOT / "action.yml").read_text()
    cases = [
        ("action.yml", "vendor.github-actions", action, action.replace("using: composite", "using: magic")),
        ("the workflow of docs/ci.md", "vendor.github-workflows", workflow, workflow.replace("runs-on:", "run-on:")),
        ("the GitLab job of docs/ci.md", "vendor.gitlab-ci", example("GitLab"),
         example("GitLab").replace("when: always", "when: sometimes")),
    ]
    for what, schema, good, damaged in cases:
        for text, is_good in ((good, True), (damaged, False)):
            file = work / "checked.yml"
            file.write_text(text)
            status, said = run([python, "-m", "check_jsonschema", "--builtin-schema", schema, file])
            name = f"{what} keeps its schema" if is_good else f"a damaged copy of {what} is refused"
            tally.check(name, (status == 0) == is_good and text, said or "it was not refused")


def lint(tally, actionlint, work):
    """The example as a workflow of a repository that holds the action, so that its inputs are checked too."""
    repository = work / "repository"
    (repository / ".github/workflows").mkdir(parents=True)
    (repository / ".git").mkdir()
    (repository / ACTION).mkdir()
    shutil.copy(ROOT / "action.yml", repository / ACTION / "action.yml")
    workflow = "name: cost\non: push\n" + example("GitHub")
    labels = {"self-hosted-runner": {"labels": ["measuring"]}}
    (repository / ".github/actionlint.yaml").write_text(json.dumps(labels))

    damaged = workflow.replace("max-cost-increase", "max-cost-raise")
    for text, is_good in ((workflow, True), (damaged, False)):
        (repository / ".github/workflows/cost.yml").write_text(text)
        status, said = run([actionlint, "-no-color"], cwd=repository)
        name = "actionlint takes the example" if is_good else "actionlint refuses an input that is none"
        tally.check(name, (status == 0) == is_good and f"uses: {ACTION}\n" in text, said or "it was not refused")


def scripts(tally, work):
    """The shell scripts of the action, read by bash without running them."""
    lines = (ROOT / "action.yml").read_text().splitlines()
    found = 0
    for number, line in enumerate(lines):
        if line.strip() != "run: |":
            continue
        indent = len(line) - len(line.lstrip())
        body = []
        for following in lines[number + 1:]:
            if following.strip() and len(following) - len(following.lstrip()) <= indent:
                break
            body.append(following[indent + 2:])

        found += 1
        script = work / f"step-{found}.sh"
        script.write_text("\n".join(body) + "\n")
        status, said = run(["bash", "-n", script])
        tally.check(f"bash reads step {found} of action.yml", status == 0, said)
        if shutil.which("shellcheck"):
            status, said = run(["shellcheck", "--shell=bash", script])
            tally.check(f"shellcheck takes step {found} of action.yml", status == 0, said)
    tally.check("action.yml has two steps in shell", found == 2, f"{found}")


def main():
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="infercost-workflows-") as folder:
        work = pathlib.Path(folder)
        scripts(tally, work)
        python = checker(work)
        if python:
            schemas(tally, python, work)
        actionlint = linter(work)
        if actionlint:
            lint(tally, actionlint, work)
        else:
            print("SKIPPED: actionlint is not here, and there is no Go to build it")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
