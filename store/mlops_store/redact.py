"""Takes secrets out of what is about to reach the disk: by the name of the field, by known shapes, by entropy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlops_store import masking
from mlops_store.masking import Masker

MASK = masking.MASK.decode()

_SECRET_NAME = re.compile(
    r"(pass(word|wd|phrase)?|secret|token|api[_-]?key|apikey|credential|private[_-]?key|access[_-]?key|auth(orization)?$|cookie|session[_-]?id|dsn$|conn(ection)?[_-]?str)",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(
    r"^(tokenizers?(_\w+)?|max_tokens?|num_tokens|n_tokens|token_count|tokens_per_\w+|vocab\w*|SSH_AUTH_SOCK|XDG_SESSION_ID)$",
    re.IGNORECASE,
)


def secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _PLAIN_NAME.match(name)


def redact_text(text: str) -> str:
    """`text` with what looks like a secret masked."""
    if not text:
        return text
    masker = Masker()
    masked = masker.feed(text.encode("utf-8", "surrogatepass")) + masker.close()
    return masked.decode("utf-8", "surrogatepass")


def redact_value(name: str, value: Any) -> Any:
    """A named value: masked whole where the name says so, searched where it is text, walked where it is nested."""
    if isinstance(value, Mapping):
        return {str(k): redact_value(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(name, item) for item in value]
    if isinstance(value, str):
        return MASK if secret_name(name) and value else redact_text(value)
    return value


def secret_values(values: Mapping[str, Any]) -> set[str]:
    """The texts in named values that are masked above, where they are long enough (8 characters) to be looked for by themselves.
    Paths are not: a variable may name the file that a secret is in."""
    found: set[str] = set()

    def walk(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(str(key), inner)
        elif isinstance(value, list | tuple):
            for item in value:
                walk(name, item)
        elif isinstance(value, str) and len(value) >= 8 and redact_value(name, value) == MASK:
            found.add(value)

    walk("", values)
    return {value for value in found if not value.startswith(("/", "~/", "./"))}


def redact_params(values: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): redact_value(str(key), value) for key, value in values.items()}


def redact_env(env: Mapping[str, str]) -> dict[str, str]:
    """Environment variables for the record."""
    return {key: str(redact_value(key, value)) for key, value in env.items()}


def redact_argv(argv: list[str]) -> list[str]:
    """A command line: `--token X` and `--token=X` lose X."""
    shown: list[str] = []
    masked_next = False
    for word in argv:
        if masked_next and not word.startswith("-"):
            shown.append(MASK)
            masked_next = False
            continue
        name, equals, _ = word.partition("=")
        flag = word.startswith("-")
        if flag and secret_name(name.lstrip("-")):
            shown.append(f"{name}={MASK}" if equals else word)
            masked_next = not equals
            continue
        masked_next = False
        shown.append(redact_text(word))
    return shown
