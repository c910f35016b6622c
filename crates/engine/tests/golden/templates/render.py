#!/usr/bin/env python3
"""Renders the templates beside this file as transformers' `apply_chat_template` does, and writes ../templates.jsonl.

The environment is that of `transformers.utils.chat_template_utils`: Jinja's immutable sandbox, `trim_blocks`,
`lstrip_blocks`, loop controls, a `generation` block that renders what it holds, `tojson` without escapes for HTML;
`tools` and `documents` are None unless given. Needs jinja2 (the file was made with 3.1.6).
"""
import datetime
import json
import pathlib

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime.datetime(2026, 7, 4).strftime(form)
    return env


SYSTEM = {"role": "system", "content": "Be brief. "}
USER = {"role": "user", "content": " Which metal is liquid at room temperature?\n"}
ANSWER = {"role": "assistant", "content": "<think>\nliquid\n</think>\n\nMercury, é < 1 & 2"}
NEXT = {"role": "user", "content": "And which gas is 'brown'?"}
# Keys by the alphabet: variables are kept in that order.
TOOL = {"function": {"name": "lookup", "parameters": {"properties": {"q": {"type": "string"}}, "type": "object"}}, "type": "function"}

CONVERSATIONS = [[USER], [SYSTEM, USER], [USER, ANSWER, NEXT], [SYSTEM, USER, ANSWER, NEXT], [USER, USER]]
VARIABLES = [{}, {"enable_thinking": False}, {"enable_thinking": True}, {"tools": [TOOL]}]


def main():
    env, lines = environment(), []
    for path in sorted(HERE.glob("*.jinja")):
        template = env.from_string(path.read_text())
        for messages in CONVERSATIONS:
            for variables in VARIABLES:
                line = {"template": path.name, "messages": messages, "variables": variables}
                given = {"tools": None, "documents": None, **variables}
                try:
                    line["prompt"] = template.render(
                        messages=messages, add_generation_prompt=True, bos_token="<s>", eos_token="</s>", **given)
                except jinja2.exceptions.TemplateError as error:
                    line["refused"] = str(error)
                lines.append(json.dumps(line, ensure_ascii=False))
    (HERE.parent / "templates.jsonl").write_text("\n".join(lines) + "\n")
    print(len(lines), "conversations")


main()
