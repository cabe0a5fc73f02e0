"""Secrets in a stream: however it is cut, no secret comes through, and the rest does."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_store.masking import LIMIT, MASK, Masker, mask_lines
from mlops_store.redact import redact_text

AWS = b"AKIAIOSFODNN7EXAMPLF"
DENSE = b"qX7vB2mK9pL4wZ8nT3rY6cD1"
VALUE = b"tr0ub4dor and 3"
KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7v\nq83vAAECAwQFBgcICQ==\n-----END RSA PRIVATE KEY-----\n"
PIECES = [
    AWS, DENSE, VALUE, KEY, b"password = hunter2222", b"https://ada:hunter2222@host/", b"Bearer abcdefgh12345678",
    b"\n", b"\r", b"\r\n", b" ", KEY[:50], b"plain", b"loss=0.25", b"\xff\x00\xe2\x96\x88", b'"', b"x" * 5000, b"=" * 40,
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=25).map(b"".join)
lists = st.lists(st.integers(0, 4000), max_size=20)


def whole(text: bytes) -> bytes:
    masker = Masker([VALUE])
    return masker.feed(text) + masker.close()


def cut(text: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [*pieces, text]


@settings(deadline=None, max_examples=150)
@given(texts, lists)
def test_any_cut_gives_what_the_whole_gives(text: bytes, sizes: list[int]) -> None:
    masker = Masker([VALUE])
    assert b"".join(masker.feed(piece) for piece in cut(text, sizes)) + masker.close() == whole(text)


SECRETS = [AWS, DENSE, VALUE, b"hunter2222", b"abcdefgh12345678"]
LINES = [
    b"key %s!", b"a %s b %s", b"step 1/2", b"what? ", b"....", b"password: hunter2222", b"Bearer abcdefgh12345678",
    b"x://u:hunter2222@h",
]  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_what_is_shown_before_its_line_ends_never_begins_a_secret(data: st.DataObject) -> None:
    """A stream that is asked for its unfinished line at any moment."""
    text = b""
    for line in data.draw(st.lists(st.sampled_from(LINES), max_size=8)):
        for _ in range(line.count(b"%s")):
            line = line.replace(b"%s", data.draw(st.sampled_from(SECRETS[:3])), 1)
        text += line + data.draw(st.sampled_from([b"\n", b"\r", b""]))
    masker, shown = Masker([VALUE]), b""
    for piece in cut(text, data.draw(st.lists(st.integers(0, 30), max_size=30))):
        shown += masker.feed(piece) + masker.early()
    shown += masker.close()
    for secret in SECRETS:
        if secret not in whole(text):  # "…\nhunter2222" may be a line of its own
            assert secret not in shown
            assert secret[:10] not in shown
    if MASK not in whole(text):
        assert shown == text


def test_an_unfinished_line_is_shown_but_for_its_last_word() -> None:
    masker = Masker()
    assert masker.feed(b"Continue? ") == b"" and masker.early() == b"Continue? "
    assert masker.feed(b"[y/n] password: hunter") == b"" and masker.early() == b"[y/n] password: "
    assert masker.feed(b"2222\nnext\n") == MASK + b"\nnext\n" and not masker.waiting()
    masker.feed(b".....")
    assert masker.early() == b"....."
    masker.feed(b"..\r")
    assert masker.close() == b""


@pytest.mark.parametrize("part", [b"." * 5000, b"a word " * 800])
def test_what_is_shown_of_a_line_that_is_cut_is_not_shown_again(part: bytes) -> None:
    masker, shown = Masker(), b""
    for _ in range(14):
        shown += masker.feed(part) + masker.early()
    assert shown + masker.close() == part * 14
    assert len(part) * 14 > LIMIT


def test_private_keys_are_masked_line_by_line() -> None:
    text = b"begin\n" + KEY + b"end\n"
    assert whole(text) == b"begin\n" + 4 * (MASK + b"\n") + b"end\n"
    one = KEY.replace(b"\n", b"\\n")
    assert whole(b'{"a": "' + one + b'", "b": "' + one + b'"}\n') == b'{"a": "%s\\n", "b": "%s\\n"}\n' % (
        MASK,
        MASK,
    )
    assert whole(b"-----BEGIN PRIVATE KEY-----\nMIIEpAIB\nnot a key any more\nword\n").endswith(
        b"\nnot a key any more\nword\n"
    )
    long = b"x y " * 15000 + one + b" z" * 9000 + one + b"\n"  # cut in the middle of the first
    assert b"MII" not in whole(long) and b"BEGIN" not in whole(long) and b"AgMEBQ" not in whole(long)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b'{"password": "correct horse battery", "n": 1}', b'{"password": "%s", "n": 1}'),
        (b"{\\\"token\\\": \\\"abcdef123\\\"}", b"{\\\"token\\\": \\\"%s\"}"),
        (b"tokens: 1048576, tokens/s=99.1 token_count=1234567", b"tokens: 1048576, tokens/s=99.1 token_count=1234567"),
        (b"passed: everything, passes: 100000", b"passed: everything, passes: 100000"),
        (b"cannot read '/etc/passwd': Permission denied", b"cannot read '/etc/passwd': Permission denied"),
        (b"a basic configuration", b"a basic configuration"),
        (b"Basic dXNlcjpwYXNzd29yZDE=", b"Basic %s"),
        (b"a task-level-something-long-name-here", b"a task-level-something-long-name-here"),
        (b"/usr/lib/Python311/SitePackages/aB3dE5fG7hI9jK1lM3n", b"/usr/lib/Python311/SitePackages/aB3dE5fG7hI9jK1lM3n"),
        (b"digest 0123456789abcdef0123456789abcdef", b"digest 0123456789abcdef0123456789abcdef"),
    ],
)  # fmt: skip
def test_what_is_masked_and_what_is_not(text: bytes, shown: bytes) -> None:
    assert mask_lines(text) == shown.replace(b"%s", MASK)
    assert redact_text(mask_lines(text).decode()).encode() == mask_lines(text), (
        "a second time changes nothing"
    )


def test_a_line_without_end_is_masked_too() -> None:
    """10 MB without a line end, a secret every 10 kB, and one at each place where it is cut."""
    filler = b"abc def,ghi 12345.678 "
    block = filler * 454 + AWS + b" "
    masker, out, peak = Masker(), [], 0
    for _ in range(300):
        out.append(masker.feed(block))
        peak = max(peak, len(masker._pending))
    shown = b"".join(out) + masker.close()
    assert AWS[:12] not in shown and shown.count(MASK) == 300 and peak <= LIMIT
    assert shown.replace(MASK, AWS) == block * 300


@pytest.mark.parametrize(
    "part", [b"token=", b"eyJ", b"sk-", b"://a:", b"-----BEGIN PRIVATE KEY-----", b"basic ", b"pass ", b"aA1"]
)
def test_hostile_text_takes_no_longer_than_its_length(part: bytes) -> None:
    text = part * (2 * LIMIT // len(part))
    started = time.thread_time()
    redact_text(text.decode())
    assert time.thread_time() - started < 1.0
