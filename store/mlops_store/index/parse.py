"""Journal bytes become columns. The fast path decodes a whole block in one call; one bad line in it costs one counted line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast

import msgspec

from mlops_store.journal import decode_line

_Int = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class MetricLine(msgspec.Struct, array_like=True, tag="m", gc=False):
    key: str
    step: _Int
    ts: _Int
    value: float | Literal["nan", "inf", "-inf"]


class ParamLine(msgspec.Struct, array_like=True, tag="p"):
    key: str
    value: Any


class TagLine(msgspec.Struct, array_like=True, tag="t"):
    key: str
    value: str


class ArtifactLine(msgspec.Struct, array_like=True, tag="a"):
    path: str
    size: _Int
    sha256: str


class StageLine(msgspec.Struct, array_like=True, tag="s"):
    stage: str
    state: str
    ts: _Int
    info: dict[str, Any] = {}


class DroppedLine(msgspec.Struct, array_like=True, tag="d"):
    count: _Int
    reason: str = ""


class HeaderLine(msgspec.Struct, array_like=True, tag="h"):
    info: dict[str, Any]


Line = MetricLine | ParamLine | TagLine | ArtifactLine | StageLine | DroppedLine | HeaderLine
_KINDS = frozenset("mptasdh")
_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


@dataclass
class Block:
    """What a block of complete lines says. Line numbers count from 1 in the file, bad and empty lines included."""

    lines: int = 0
    bad: int = 0
    unknown: int = 0
    dropped: int = 0
    metrics: list[MetricLine] = field(default_factory=list)
    metric_lines: list[int] = field(default_factory=list)
    others: list[tuple[int, Line]] = field(default_factory=list)


def parse_block(block: bytes, first_line: int) -> Block:
    """Parses complete lines (`block` ends with a newline). `first_line` is the number of its first line."""
    result = Block(lines=block.count(b"\n"))
    try:
        items = _DECODER.decode_lines(block)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        items = None
    if items is not None and len(items) == result.lines:
        _sort(result, items, range(first_line, first_line + result.lines))
    else:
        _parse_slowly(result, block, first_line)
    return result


def _sort(result: Block, items: list[Line], numbers: range | list[int]) -> None:
    if set(map(type, items)) == {MetricLine}:
        result.metrics, result.metric_lines = cast(list[MetricLine], items), list(numbers)
        return
    for number, item in zip(numbers, items, strict=True):
        if type(item) is MetricLine:
            result.metrics.append(item)
            result.metric_lines.append(number)
        elif type(item) is DroppedLine:
            result.dropped += max(0, min(item.count, 1 << 40))
        elif type(item) is not HeaderLine:
            result.others.append((number, item))


def _parse_slowly(result: Block, block: bytes, first_line: int) -> None:
    items: list[Line] = []
    numbers: list[int] = []
    for number, line in enumerate(block[:-1].split(b"\n"), start=first_line):
        if not line.strip():
            continue  # a writer that resumes starts with a newline, so that a torn line stays alone
        try:
            items.append(_DECODER.decode(line))
            numbers.append(number)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            row = decode_line(line)
            if row is not None and len(row[0]) <= 32 and row[0] not in _KINDS:
                result.unknown += 1  # a newer writer's kind of line
            else:
                result.bad += 1
    _sort(result, items, numbers)
