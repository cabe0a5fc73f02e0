"""The idempotency key of a request: what it may be, and what is said of one that is not."""

from __future__ import annotations

import pytest

from mlops_store.errors import Problem
from mlops_tui.daemon.app import _asked


@pytest.mark.parametrize("key", ["k" * 101, "a b"])
def test_a_key_that_may_not_be_is_refused_with_its_length_and_the_rule(key: str) -> None:
    with pytest.raises(Problem, match=f"{len(key)} characters long, is not 1 to 100 of letters") as caught:
        _asked({"headers": [(b"idempotency-key", key.encode())], "query_string": b""})
    assert caught.value.status == 2


def test_a_key_of_a_hundred_characters_is_taken() -> None:
    assert _asked({"headers": [(b"idempotency-key", b"k" * 100)], "query_string": b""}).key == "k" * 100
