#!/usr/bin/env python3
"""Holds the files of deploy/ against the schemas that their readers publish, and their command lines against the program.

    benches/fleet/manifests.py [PROGRAM]

Kubernetes: the API's own schemas, as kubernetes-validate packs them. SkyPilot: the schema in its package. Slurm has none: the
options that are used are held against a list. Packages come from the package index of Python into a folder of their own; what
cannot be had is said as SKIPPED. Each check is made once more on a damaged copy, which it must refuse. Ends with
`N passed, N failed`.
"""

import pathlib
import re
import shlex
import shutil
import sys
import tempfile
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tally import Tally, run  # noqa: E402, the folder is named in the line before

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = "kubernetes-validate==1.37.0"
KUBERNETES_VERSION = "1.34"
SKYPILOT = "skypilot==0.14.1"
# Options of sbatch(1) that jobs of one node take.
SBATCH = {"job-name", "partition", "nodes", "ntasks", "cpus-per-task", "mem", "gres", "exclusive", "time", "output"}

# The schema without the rest of SkyPilot, which brings a hundred packages along: what else it imports stands empty.
SKYPILOT_CHECK = """
import importlib.metadata, pathlib, sys, sysconfig, types
from unittest.mock import MagicMock
import jsonschema, yaml
root = pathlib.Path(sysconfig.get_path("purelib")) / "sky"
for name in ("sky", "sky.utils", "sky.skylet"):
    module = types.ModuleType(name)
    module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    sys.modules[name] = module
sys.modules["sky"].__version__ = importlib.metadata.version("skypilot")
for name in ("sky.server", "sky.server.daemons", "sky.server.constants", "sky.skylet.autostop_lib"):
    sys.modules[name] = MagicMock()
from sky.utils import schemas
jsonschema.validate(yaml.safe_load(open(sys.argv[1])), schemas.get_task_schema())
"""


def installed(work):
    """The Python with both packages; None where they cannot be had."""
    venv.create(work / "checker", with_pip=True)
    python = work / "checker/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    for words in ([*pip, KUBERNETES], [*pip, "--no-deps", SKYPILOT]):
        status, said = run(words)
        if status != 0:
            last = said.strip().splitlines()[-1] if said.strip() else ""
            print(f"SKIPPED: kubernetes-validate and skypilot cannot be had: {last}")
            return None
    return python


def published(tally, python, work):
    """The manifests against the schemas of their readers."""
    file = work / "checked.yaml"

    def refused(words):
        def check(text):
            file.write_text(text)
            status, said = run([*words, file])
            return "" if status == 0 else said or "refused"
        return check

    kubernetes = refused([work / "checker/bin/kubernetes-validate", "--kubernetes-version", KUBERNETES_VERSION, "--strict"])
    job = (DEPLOY / "kubernetes/measure.yaml").read_text()
    tally.both("the Kubernetes job", kubernetes, job, job.replace("backoffLimit", "backofLimit"))
    task = (DEPLOY / "skypilot/measure.yaml").read_text()
    tally.both("the SkyPilot task", refused([python, "-c", SKYPILOT_CHECK]), task, task.replace("\nsetup:", "\nsetups:"))


def unknown_options(text):
    """Options of the Slurm script that are not in the list."""
    options = re.findall(r"^#SBATCH --([a-z-]+)", text, re.MULTILINE)
    unknown = [option for option in options if option not in SBATCH]
    return f"unknown: {unknown}" if unknown or not options else ""


def shells(tally):
    """The scripts, read by bash without running them."""
    for name in ("slurm/measure.sbatch", "ssh/measure.sh"):
        status, said = run(["bash", "-n", DEPLOY / name])
        tally.check(f"bash reads {name}", status == 0, said)
        if shutil.which("shellcheck"):
            status, said = run(["shellcheck", "--shell=bash", DEPLOY / name])
            tally.check(f"shellcheck takes {name}", status == 0, said)


def commands():
    """Each way of measuring, and the words of the command that it gives to infercost."""
    for name in ("slurm/measure.sbatch", "skypilot/measure.yaml", "ssh/measure.sh"):
        line = re.search(r"infercost (record .*--traces [^\s\"]+)", (DEPLOY / name).read_text())
        yield name, shlex.split(line[1]) if line else []
    arguments = re.search(r"^ +args:\n((?: +(?:-|#) .*\n)+)", (DEPLOY / "kubernetes/measure.yaml").read_text(), re.MULTILINE)
    lines = [line.strip() for line in arguments[1].splitlines()]
    yield "kubernetes/measure.yaml", [line[2:] for line in lines if line.startswith("- ")]


def program_takes(tally, program):
    """Whether the program knows every flag: help is printed only where all before it is understood."""
    for name, words in commands():
        for given, is_good in ((words, True), ([*words, "--tracess", "x"], False)):
            status, said = run([program, *given, "--help"])
            what = f"infercost takes the command of {name}" if is_good else f"a damaged command of {name} is refused"
            tally.check(what, (status == 0) == is_good and len(words) > 4, said)


def main():
    tally = Tally()
    script = (DEPLOY / "slurm/measure.sbatch").read_text()
    tally.both("the Slurm script", unknown_options, script, script.replace("--exclusive", "--exclusiv"))
    shells(tally)
    one = {tuple(word for word in words if word not in ("mine.jsonl", "prompts.jsonl", "/prompts/mine.jsonl"))[:5] for _, words in commands()}
    tally.check("all measure the same", len(one) == 1, str(one))
    if len(sys.argv) > 1:
        program_takes(tally, pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory(prefix="infercost-manifests-") as folder:
        work = pathlib.Path(folder)
        python = installed(work)
        if python:
            published(tally, python, work)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
