"""The one exception that is meant for people."""

from __future__ import annotations

from collections.abc import Iterable


class Problem(Exception):
    """Something a person can act on.

    `code` is stable and made for scripts, `message` says what is wrong, where and why, `hint` names the fix,
    `status` is the exit code of the command: 1 failed, 2 usage or configuration, 3 retryable, 4 gate.
    """

    def __init__(self, code: str, message: str, hint: str = "", status: int = 1) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.status = status

    def __reduce__(self) -> tuple[type[Problem], tuple[str, str, str, int]]:
        return (Problem, (self.code, self.message, self.hint, self.status))

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, whatever its case; None where none is near."""
    import difflib  # most commands have nothing to guess

    by_case = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_case, n=1, cutoff=0.6)
    return by_case[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """A hint with the nearest known word; where none is near, `otherwise`, or all that there are."""
    names = sorted(known)
    near = nearest(word, names)
    if near is not None:
        return f"did you mean {near!r}?"
    if otherwise is not None:
        return otherwise
    return f"there are: {', '.join(names)}" if names else ""
