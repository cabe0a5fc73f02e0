"""A lineage as lines of a tree: each thing once, under the nearest one that it hangs on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_tui.verbs._lineage import WORDS, LineageGraph, LineageNode

KINDS = ("run", "model", "alias", "proposal", "prediction", "data", "feature")
"""In the order in which one goes from kind to kind, around and around."""
_ORDER = {kind: place for place, kind in enumerate(("proposal", "model", "run", "alias", "prediction", "data", "feature"))}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Branch:
    """A line: `lines` are those of the tree before it, from the left; `how` it hangs on the thing that it is under."""

    node: LineageNode
    lines: str = ""
    how: str = ""


def branches(found: LineageGraph, way: str = "both", *, ascii_only: bool = False) -> list[Branch]:
    """The root, what it was made from (`up`), then what was made from it (`down`); nearest first, depth first. Empty where the root is not known."""
    nodes = {node.id: node for node in found.nodes}
    root = nodes.get(found.root)
    if root is None:
        return []
    kept = [
        node for node in found.nodes if node.depth and way in ("both", "up" if node.depth < 0 else "down")
    ]
    hung = _hung(found, kept, nodes)
    lines: list[Branch] = [Branch(root)]
    corner, tee, bar = ("`-", "|-", "| ") if ascii_only else ("└─", "├─", "│ ")
    stack: list[tuple[LineageNode, str, str, bool]] = []

    def push(parent: str, indent: str) -> None:
        below = hung.get(parent, [])
        for place, (node, how) in reversed(list(enumerate(below))):
            stack.append((node, how, indent, place == len(below) - 1))

    push(root.id, "")
    while stack:
        node, how, indent, last = stack.pop()
        lines.append(Branch(node, indent + (corner if last else tee), how))
        push(node.id, indent + ("  " if last else bar))
    return lines


def _hung(
    found: LineageGraph, kept: Iterable[LineageNode], nodes: dict[str, LineageNode]
) -> dict[str, list[tuple[LineageNode, str]]]:
    """Under each thing those that are one step farther from the root, with how they are related; each once."""
    up: dict[str, list[tuple[str, str]]] = {}
    down: dict[str, list[tuple[str, str]]] = {}
    for edge in found.edges:
        up.setdefault(edge.to, []).append((edge.from_, WORDS[edge.relation][0]))
        down.setdefault(edge.from_, []).append((edge.to, WORDS[edge.relation][1]))
    hung: dict[str, list[tuple[LineageNode, str]]] = {}
    for node in kept:
        nearer = node.depth + (1 if node.depth < 0 else -1)
        for parent, how in (up if node.depth < 0 else down).get(node.id, []):
            if parent in nodes and nodes[parent].depth == nearer:
                hung.setdefault(parent, []).append((node, how))
                break
    for below in hung.values():
        below.sort(
            key=lambda each: (each[0].depth > 0, _ORDER[each[0].kind], -(each[0].time or 0), each[0].id)
        )
    return hung


def next_kind(lines: Sequence[Branch], at: int, step: int) -> int:
    """The place of the thing nearest to the root, of the kind after (or, with step -1, before) the one at a place."""
    here = KINDS.index(lines[at].node.kind)
    for distance in range(1, len(KINDS)):
        kind = KINDS[(here + step * distance) % len(KINDS)]
        places = [place for place, line in enumerate(lines) if line.node.kind == kind]
        if places:
            return min(places, key=lambda place: abs(lines[place].node.depth))
    return at


def next_alike(lines: Sequence[Branch], at: int, step: int) -> int:
    """The place of the next (or previous) thing of the same kind, around the ends."""
    places = [place for place, line in enumerate(lines) if line.node.kind == lines[at].node.kind]
    return places[(places.index(at) + step) % len(places)]


def about(found: LineageGraph, id: str) -> str:
    """What a thing goes back to and what came of it, in words: also what the tree does not draw."""
    back = [edge.to for edge in found.edges if edge.from_ == id]
    onward = [edge.from_ for edge in found.edges if edge.to == id]
    said = [f"{what} {', '.join(ids[:4])}{f' and {len(ids) - 4} more' if len(ids) > 4 else ''}" for what, ids in (("from", back), ("into", onward)) if ids]  # fmt: skip
    return "; ".join(said)
