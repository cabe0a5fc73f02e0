"""What a filter is: fields, comparisons and how they are joined. Read from a text by `filters`, decided by `filter_match` and in SQL."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_store.filter_fields import NOUNS, Kind

_OF_GROUP: dict[str, Kind] = {"metric": "number", "param": "param", "tag": "text"}


@dataclass(frozen=True)
class Field:
    """What is compared. `group` is column, tag, param or metric; `aggregate` is set for metrics."""

    group: str
    name: str
    aggregate: str = ""


@dataclass(frozen=True)
class Compare:
    field: Field
    op: str
    value: str


@dataclass(frozen=True)
class In:
    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True)
class Missing:
    """The field has no value."""

    field: Field


@dataclass(frozen=True)
class Search:
    text: str


@dataclass(frozen=True)
class Not:
    item: Node


@dataclass(frozen=True)
class And:
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    items: tuple[Node, ...]


Node = Compare | In | Missing | Search | Not | And | Or


def kind_of(field: Field, noun: str = "run") -> Kind:
    """How the values of a field compare."""
    if field.group == "column":
        return NOUNS[noun].columns[field.name].kind
    return _OF_GROUP[field.group]


def fields_of(node: Node) -> set[Field]:
    """All fields that a filter speaks of."""
    match node:
        case Compare(field) | In(field) | Missing(field):
            return {field}
        case Search():
            return set()
        case Not(item):
            return fields_of(item)
        case And(items) | Or(items):
            return {field for item in items for field in fields_of(item)}


def to_text(node: Node) -> str:
    """The filter's text; parsing it gives the same tree."""
    match node:
        case Compare(field, op, value):
            return f"{_field_text(field)} {op} {_quote(value)}"
        case In(field, values):
            return f"{_field_text(field)} in ({', '.join(map(_quote, values))})"
        case Missing(field):
            return f"{_field_text(field)} is null"
        case Search(text):
            return _quote(text)
        case Not(item):
            return f"not ({to_text(item)})"
        case And(items):
            return " and ".join(f"({to_text(item)})" for item in items)
        case Or(items):
            return " or ".join(f"({to_text(item)})" for item in items)


def _field_text(field: Field) -> str:
    if field.group == "column":
        return field.name
    if field.group == "metric":
        return f"{field.aggregate}({_quote(field.name)})"
    return f"{field.group}s.{_quote(field.name)}"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
