"""What a disk that takes nothing means for a command, in words."""

from __future__ import annotations

import duckdb

from mlops_store.errors import Problem


def refused_by_disk(error: BaseException) -> bool:
    """Whether the index file could not be written. The transaction is gone then, and the next one may well succeed."""
    if isinstance(error, duckdb.TransactionException):
        return "Failed to commit: Could not" in str(error)
    return isinstance(error, duckdb.IOException | OSError)


def files_refused(error: OSError) -> Problem:
    """For a command whose files could not be written."""
    return _refused(error.strerror or str(error))


def commit_refused(error: duckdb.Error) -> Problem:
    """For a command whose effects the index could not keep, and whose ledger entries were taken back."""
    return _refused(str(error))


def _refused(why: str) -> Problem:
    return Problem(
        "disk_refused",
        f"the disk of the home takes nothing: {why}; nothing was changed",
        "free some space (`df -h`), then try again",
        status=3,
    )


def index_unavailable(error: BaseException) -> Problem:
    """For a command that the index could not keep."""
    return Problem(
        "index_unavailable",
        f"the index cannot be written: {error}",
        "free some space (`df -h`); ledger and run folders have what the index lacks, and nothing is lost",
        status=3,
    )
