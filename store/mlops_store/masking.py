"""Finds secrets in bytes, and masks them in a stream: by known shapes, telling names, entropy, and by value.

Everything stays within a line (private keys aside), so that a stream gives what the whole would. A search for fixed words, ten times
as fast as a pattern, finds the places worth a look; patterns are compiled when there is one. Standard library only: the
process between a training and its log imports this.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost a fifth of that process's start
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence

MASK = b"[redacted]"
LIMIT = 64 * 1024
"""Bytes of a line that are looked at as one."""
_REACH = 4096  # no secret is longer, but for private keys
_KEY_LINES = 500

# Each pattern is tried where one of its words was found. Masked is the group that took part, or all where there is none.
_SHAPE_WORDS = (b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"xox", b"sk-", b"hf_", b"AIza", b"eyJ")  # fmt: skip
_SHAPES = rb"""
      A[KS]IA[0-9A-Z]{16} | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_[A-Za-z0-9_]{40,} | glpat-[A-Za-z0-9_-]{18,}
    | xox[abposr]-[A-Za-z0-9-]{10,} | (?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,} | hf_[A-Za-z0-9]{30,} | AIza[0-9A-Za-z_-]{35}
    | eyJ[A-Za-z0-9_-]{9,500}\.eyJ[A-Za-z0-9_-]{8,2500}\.[A-Za-z0-9_-]{8,}"""
_URL_WORDS = (b"://",)
_URL_LOGIN = rb"://[^\s/:@]{0,200}:([^\s/@]{1,200})@"
# the rest is matched in lower case; a number of tokens is no secret, and neither is what is said of a path
_NAME_WORDS = (b"pass", b"secret", b"token", b"api", b"credential", b"private", b"access")
_ASSIGNED = rb"""
    (?<!/)(?:pass(?:word|wd|phrase|code|(?![a-z]))|secret|token|api[_-]?key|credential|private[_-]?key|access[_-]?key)
    [a-z0-9_-]{0,32}\\?["']?[ \t]{0,3}(?:=>|[=:]|[ \t]--?[ \t])[ \t]{0,3}\\?
    (?![\d.,_]+(?:[kmb%]|/s)?(?:[\s"',;)}\]]|\Z))
    (?: "([^"\r\n]{6,200}) | '([^'\r\n]{6,200}) | ([^\s"',;]{6,}) )"""
_HEADER_WORDS = (b"bearer", b"basic")
_HEADER = rb"""(?<![a-z0-9_])
    (?: bearer[ \t]+([a-z0-9._~+/=-]{12,}) | basic[ \t]+((?=[a-z+/]*[0-9=])[a-z0-9+/=]{12,}) )"""
_KEY_BEGIN = rb"-----BEGIN[ ][ A-Z]*PRIVATE[ ]KEY-----"
_KEY_END = rb"-----END[ ][ A-Z]*PRIVATE[ ]KEY-----"
_KEY_BODY = rb"[ \t+>|-]*(?:[A-Za-z0-9+/=]{0,256}|[A-Z][A-Za-z-]+:[ ][^\r\n]*)[ \t]*[\"'\\,]*[\r\n]*\Z"
_LINE = rb"[^\r\n]*(?:\r\n|[\r\n]|\Z)"

_LONG = 12  # every known shape begins with a word at least as long
_DENSE = 24
_WORD_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=-"
_IN_WORD = bytes(119 if code in _WORD_BYTES else 32 for code in range(256))
_RUN = b"w" * _LONG
_HEX = frozenset(b"0123456789abcdefABCDEF-")


_patterns: dict[bytes, re.Pattern[bytes]] = {}


def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    """Most runs print nothing that needs one: importing `re` and compiling would double the cost of their reader."""
    found = _patterns.get(pattern)
    if found is None:
        import re

        found = _patterns[pattern] = re.compile(pattern, re.VERBOSE)
    return found


# --- one text -----------------------------------------------------------------------------------------


def mask_lines(text: bytes, values: Sequence[bytes] = ()) -> bytes:
    """Whole lines with what looks like a secret, and every one of `values`, masked. Private keys of several lines are not its work."""
    spans = sorted(_spans(text, values))
    if not spans:
        return text
    pieces, place = [], 0
    for start, end in spans:
        if start >= place:
            pieces += [text[place:start], MASK]
        place = max(place, end)
    pieces.append(text[place:])
    return b"".join(pieces)


def _spans(text: bytes, values: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    lower = text.lower()
    words = _words(text)
    if words:
        joined = b" ".join([text[start:end] for start, end in words])
        if any(word in joined for word in _SHAPE_WORDS):
            yield from _at_words(_SHAPE_WORDS, _SHAPES, text)
        yield from (
            (start, end) for start, end in words if end - start >= _DENSE and _random_looking(text[start:end])
        )
    yield from _at_words(_URL_WORDS, _URL_LOGIN, text)
    yield from _at_words(_NAME_WORDS, _ASSIGNED, lower)
    yield from _at_words(_HEADER_WORDS, _HEADER, lower)
    for value in values:
        yield from ((start, start + len(value)) for start in _places(value, text))


def _places(word: bytes, text: bytes) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + len(word))


def _at_words(words: Iterable[bytes], pattern: bytes, text: bytes) -> Iterator[tuple[int, int]]:
    for word in words:
        covered = 0
        for place in _places(word, text):
            found = _compiled(pattern).match(text, place) if place >= covered else None
            if found is not None:
                yield found.span(found.lastindex or 0)
                covered = found.end()


def _words(text: bytes) -> list[tuple[int, int]]:
    """Where words stand that are long enough for a secret of a known shape."""
    found = []
    shape = text.translate(_IN_WORD)
    start = shape.find(_RUN)
    while start >= 0:
        end = shape.find(b" ", start)
        end = len(text) if end < 0 else end
        found.append((start, end))
        start = shape.find(_RUN, end)
    return found


def _random_looking(word: bytes) -> bool:
    """Long, mixed and dense: a key. Hex digests, ids and paths are not: they identify, they do not open."""
    used = set(word)
    if len(used) < 18 or used <= _HEX or b"/" in word.strip(b"/"):
        return False  # 18 different bytes are needed for 4.2 bits each: most words end here
    upper, lower, digit = word.lower() != word, word.upper() != word, not used.isdisjoint(b"0123456789")
    return upper and lower and digit and _entropy(word) >= 4.2


def _entropy(word: bytes) -> float:
    """Shannon entropy, bits a byte."""
    from math import log2

    return -sum(n / len(word) * log2(n / len(word)) for n in map(word.count, set(word)))


# --- a stream -----------------------------------------------------------------------------------------


class Masker:
    """Masks a stream. However it is cut into pieces, the pieces' output together is that of the whole.

    A line is given back when its end has come. Lines end with LF or CR, as those of progress bars do.
    """

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        """`values` are masked wherever they stand."""
        self._values: list[bytes] = []
        self.hide(values)
        self._pending = b""
        self._shown = b""  # what has been given back of the pending line already
        self._key_lines = 0  # lines that may still belong to a private key

    def hide(self, values: Iterable[bytes]) -> None:
        """Masks these too from now on, where they have eight bytes or more in a line."""
        parts = {part for value in values for part in value.splitlines() if len(part) >= 8}
        self._values = sorted(parts.union(self._values), key=lambda part: (-len(part), part))

    def feed(self, data: bytes) -> bytes:
        """The lines that are complete now."""
        done = []
        place = 0
        while place < len(data):
            room = LIMIT - len(self._pending)
            text = self._pending + data[place : place + room]
            place += room
            end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
            if not end and len(text) >= LIMIT:
                end = self._cut(text)
            self._pending = text[end:]
            if end:
                done.append(self._give(text[:end]))
        return b"".join(done)

    def waiting(self) -> bool:
        """Whether the beginning of a line waits for its end."""
        return bool(self._pending)

    def early(self) -> bytes:
        """The beginning of a line that does not end (a question, a row of dots), but for what may be the start of a secret."""
        if self._key_lines or b"-----BEGIN" in self._pending:
            return b""
        text = self._pending[: self._harmless()]
        masked = mask_lines(text, self._values)
        if not masked.startswith(self._shown):
            return b""
        new = masked[len(self._shown) :]
        self._shown = masked
        return new

    def close(self) -> bytes:
        """What is left."""
        text, self._pending = self._pending, b""
        return self._give(text)

    def _give(self, text: bytes) -> bytes:
        masked = mask_lines(self._without_keys(text), self._values)
        shown, self._shown = self._shown, b""
        if shown.startswith(masked):  # of a line that was cut, more had been shown
            self._shown = shown[len(masked) :]
            return b""
        if not shown:
            return masked
        same = 0
        while same < min(len(shown), len(masked)) and shown[same] == masked[same]:
            same += 1
        return masked[same:]

    def _harmless(self) -> int:
        """How much of the pending line can be shown: up to its last word, and not into one of the values."""
        text = self._pending
        words = text.rstrip(b" \t")
        last = max(words.rfind(b" "), words.rfind(b"\t")) + 1
        end = len(text)
        if any(byte in _WORD_BYTES for byte in words[last:].translate(None, b"=-_")):
            end = last if words == text else len(text)
            end = max(end, len(text) - _REACH)
        for value in self._values:
            for size in range(min(len(value) - 1, len(text)), 0, -1):
                if text.endswith(value[:size]):
                    end = min(end, len(text) - size)
                    break
        for start, stop in sorted(_spans(text, self._values), reverse=True):
            end = start if start < end < stop else end
        return end

    def _cut(self, text: bytes) -> int:
        """Where a line that is too long may be cut: where it changes nothing."""
        whole = mask_lines(text, self._values)
        for place in range(len(text) - _REACH, len(text) // 2, -_REACH // 4):
            parts = mask_lines(text[:place], self._values) + mask_lines(text[place:], self._values)
            if parts == whole and b"-----" not in text[place - 40 : place + 40]:
                return place
        return len(text) - _REACH

    def _without_keys(self, text: bytes) -> bytes:
        """Private keys are the one secret of many lines: from BEGIN on, whatever looks like more of it is masked."""
        if not self._key_lines and b"-----BEGIN" not in text:
            return text
        return b"".join(self._key_line(found.group()) for found in _compiled(_LINE).finditer(text))

    def _key_line(self, line: bytes) -> bytes:
        if not line.strip(b"\r\n"):
            return line
        ends = [found.end() for found in _compiled(_KEY_END).finditer(line)]
        head, line = line[: ends[-1]] if ends else b"", line[ends[-1] :] if ends else line
        if self._key_lines and ends:
            head = MASK + head[ends[0] :]
            self._key_lines = 0
        head = _compiled(_KEY_BEGIN + rb"[^\r\n]*?" + _KEY_END).sub(MASK, head)
        begin = _compiled(_KEY_BEGIN).search(line)
        if begin:
            self._key_lines = _KEY_LINES
        elif self._key_lines and _compiled(_KEY_BODY).match(line):
            self._key_lines -= 1
        else:
            self._key_lines = 0
            return head + line
        body = line.rstrip(b"\r\n")
        return head + line[: begin.start() if begin else 0] + MASK + line[len(body) :]
