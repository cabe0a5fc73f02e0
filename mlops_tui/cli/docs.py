"""`python -m mlops_tui.cli.docs [--check]`: writes docs/cli.md from the verbs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from mlops_tui.commandline.params import Parameter, parameters, usage_line
from mlops_tui.verbs import NOUNS, Verb, of_noun
from mlops_tui.verbs._declare import Page

TARGET = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

_HEAD = """# Commands

Made from `mlops_tui/verbs` by `python -m mlops_tui.cli.docs`; do not edit.

- Standard output is data, standard error is narration. `--json` prints one JSON document; `events` always prints JSON lines.
- Lists are `{"items": [...], "next": null | token}`; `--page TOKEN` asks for the next page. Times are UTC milliseconds.
- An error is `error: …` and `hint: …`, with `--json` `{"error": {"code", "message", "hint"}}`, on standard error, and nothing on
  standard output.
- Exit codes: 0 ok · 1 failed · 2 usage or configuration · 3 try again (busy, time-out, version) · 4 the gate said FAIL or
  INCONCLUSIVE · 130 interrupted.
- `--home DIR`, `--project NAME` and `--json` may stand anywhere. Without `--project`, the mlops.toml here or above names the project.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for noun in ("", *NOUNS):
        parts.append(f"## {noun or 'Top level'}\n\n{NOUNS.get(noun, 'Commands without a noun.')}\n")
        parts += [_section(verb) for verb in of_noun(noun)]
    return "\n".join(parts)


def _section(verb: Verb) -> str:
    found = [parameter for parameter in parameters(verb.input) if not parameter.fill]
    lines = [f"### {verb.key}", "", verb.summary, "", f"    {usage_line(verb)}", ""]
    if verb.help:
        lines += [verb.help, ""]
    options = [*_options(found), *_extra(verb)]
    if options:
        lines += ["| | |", "|---|---|", *options, ""]
    if verb.example:
        lines += ["Example: `" + verb.example + "`", ""]
    lines += [f"JSON: {_shape(verb)}", ""]
    return "\n".join(lines)


def _value(parameter: Parameter) -> str:
    return parameter.metavar or parameter.name.upper()


def _options(found: list[Parameter]) -> Iterator[str]:
    for parameter in found:
        if parameter.argument:
            name = f"`{parameter.metavar or parameter.name.upper()}`"
        elif parameter.base is bool:
            name = f"`{parameter.option}`"
        else:
            name = f"`{parameter.option} {_value(parameter)}`"
        choices = f" ({', '.join(parameter.choices)})" if parameter.choices else ""
        yield f"| {_cell(name)} | {_cell(parameter.description + choices)} |"


def _extra(verb: Verb) -> Iterator[str]:
    if verb.plans:
        yield "| `--dry-run` | only say what would be done |"
    if verb.waits == "option":
        yield "| `--wait` | wait for the run to end; prints it as `run show` does |"
    if verb.waits == "always":
        yield "| `--no-wait` | do not wait for the run to end; else it is printed as `run show` does, `result` has the outcome |"
    if verb.key == "run logs":
        yield "| `--follow` | go on until the run ends |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _shape(verb: Verb) -> str:
    """The fields of the answer."""
    output: Any = verb.output
    if get_origin(output) is Page:
        return f"`items` of {_fields(get_args(output)[0])}, `next`"
    return _fields(output)


def _fields(kind: type[msgspec.Struct]) -> str:
    return ", ".join(f"`{field.encode_name}`" for field in msgspec.structs.fields(kind))


def main(arguments: list[str]) -> int:
    """Writes the page, or with --check says whether it is current (exit code 1 if not)."""
    text = page()
    if "--check" in arguments:
        current = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        if not current:
            print(f"{TARGET} is not current: run `python -m mlops_tui.cli.docs`", file=sys.stderr)
        return 0 if current else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
