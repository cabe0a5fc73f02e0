"""A lineage as two trees: what a thing was made from, and what was made from it."""

from __future__ import annotations

from mlops_tui.pages.layout import cut
from mlops_tui.pages.parts import minute
from mlops_tui.pages.surface import Surface
from mlops_tui.text import clean
from mlops_tui.verbs._lineage import WORDS, LineageGraph, LineageNode

_LONGEST = 400


def lineage(found: LineageGraph, screen: Surface) -> None:
    nodes = {node.id: node for node in found.nodes}
    if found.root not in nodes:
        screen.text("nothing is known of its lineage")
        return
    screen.title(_line(nodes[found.root]))
    up: dict[str, list[tuple[str, str]]] = {}
    down: dict[str, list[tuple[str, str]]] = {}
    for edge in found.edges:
        if nodes[edge.to].depth < 0:
            up.setdefault(edge.from_, []).append((edge.to, WORDS[edge.relation][0]))
        if nodes[edge.from_].depth > 0:
            down.setdefault(edge.to, []).append((edge.from_, WORDS[edge.relation][1]))
    for title, note, steps in (
        ("FROM", "what it was made from", up),
        ("INTO", "what was made from it", down),
    ):
        if steps.get(found.root):
            screen.heading(title, note)
            _tree(found.root, steps, nodes, screen)
    if found.truncated:
        screen.line("there is more: --depth, or `mlops-tui lineage` of something farther away")


def _tree(
    root: str, steps: dict[str, list[tuple[str, str]]], nodes: dict[str, LineageNode], screen: Surface
) -> None:
    """Depth first, without recursion; what stands farther up is only counted."""
    shown: set[str] = set()
    stack: list[tuple[str, str, str]] = []

    def push(here: str, indent: str) -> None:
        new = [
            (there, f"{_line(nodes[there])}  ({how})")
            for there, how in steps.get(here, [])
            if there not in shown
        ]
        known = len(steps.get(here, [])) - len(new)
        lines = new + ([("", f"and {known} of the above")] if known else [])
        for place, (there, line) in reversed(list(enumerate(lines))):
            stack.append((there, f"{indent}{'└' if place == len(lines) - 1 else '├'} {line}", indent))

    push(root, "")
    while stack:
        here, line, indent = stack.pop()
        again = here in shown
        screen.line(cut(clean(line), screen.width or _LONGEST))
        if here and not again:
            shown.add(here)
            push(here, indent + ("  " if line[len(indent)] == "└" else "│ "))


def _line(node: LineageNode) -> str:
    facts = [node.title, node.state, minute(node.time) if node.time is not None else ""]
    return f"{node.id}  {', '.join(fact for fact in facts if fact)}"
