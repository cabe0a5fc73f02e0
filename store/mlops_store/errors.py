"""The one exception that is meant for people."""

from __future__ import annotations


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
