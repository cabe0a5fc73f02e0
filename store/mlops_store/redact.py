"""Takes secrets out of what is about to reach the disk: by the name of the field, by known shapes, by entropy."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"

_SECRET_NAME = re.compile(
    r"(pass(word|wd|phrase)?|secret|token|api[_-]?key|apikey|credential|private[_-]?key|access[_-]?key|auth(orization)?$|cookie|session[_-]?id|dsn$|conn(ection)?[_-]?str)",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(
    r"^(tokenizer|max_tokens?|num_tokens|n_tokens|token_count|tokens_per_\w+|vocab\w*|SSH_AUTH_SOCK|XDG_SESSION_ID)$",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"""(
      AKIA[0-9A-Z]{16} | ASIA[0-9A-Z]{16}
    | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_[A-Za-z0-9_]{40,}
    | glpat-[A-Za-z0-9_-]{18,}
    | xox[abposr]-[A-Za-z0-9-]{10,}
    | sk-(?:[A-Za-z]+-)*[A-Za-z0-9_-]{20,}
    | hf_[A-Za-z0-9]{30,}
    | AIza[0-9A-Za-z_-]{35}
    | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
    | -----BEGIN[ A-Z]*PRIVATE\ KEY-----[\s\S]*?-----END[ A-Z]*PRIVATE\ KEY-----
    )""",
    re.VERBOSE,
)
_URL_LOGIN = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,20}://)(?P<user>[^\s/:@]{0,200}):(?P<secret>[^\s/@]{1,200})@"
)
_ASSIGNED = re.compile(
    r"""(?P<name>(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|credential|private[_-]?key|access[_-]?key)[A-Za-z0-9_-]{0,32}["']?\s{0,3}(?:[=:]|\s--?\s)\s{0,3})
        (?P<quote>["']?)(?P<value>[^\s"',;]{6,})""",
    re.IGNORECASE | re.VERBOSE,
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{12,}")
_LONG_WORD = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_HEX = re.compile(r"^[0-9a-fA-F-]+$")


def secret_name(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _PLAIN_NAME.match(name)


def entropy(text: str) -> float:
    """Shannon entropy of the characters, bits each."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) if total else 0.0


def _random_looking(word: str) -> bool:
    """Long, mixed and dense: a key. Hex digests and ids are not: they identify, they do not open."""
    if _HEX.match(word) or "/" in word.strip("/"):
        return False
    kinds = sum(
        (any(c.islower() for c in word), any(c.isupper() for c in word), any(c.isdigit() for c in word))
    )
    return kinds == 3 and entropy(word) >= 4.2


def redact_text(text: str) -> str:
    """`text` with what looks like a secret masked."""
    text = _SHAPES.sub(MASK, text)
    text = _URL_LOGIN.sub(rf"\g<scheme>\g<user>:{MASK}@", text)
    text = _ASSIGNED.sub(rf"\g<name>\g<quote>{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    return _LONG_WORD.sub(lambda match: MASK if _random_looking(match.group()) else match.group(), text)


def redact_value(name: str, value: Any) -> Any:
    """A named value: masked whole where the name says so, searched where it is text, walked where it is nested."""
    if isinstance(value, Mapping):
        return {str(k): redact_value(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [redact_value(name, item) for item in value]
    if isinstance(value, str):
        return MASK if secret_name(name) and value else redact_text(value)
    return value


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
