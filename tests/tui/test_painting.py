"""What is written to the terminal says the same in fewer bytes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.tui.painting import differences

Cell = tuple[str, frozenset[int], tuple[int, ...], tuple[int, ...]]

colour = st.one_of(
    st.just(""),
    st.integers(30, 37).map(str),
    st.integers(90, 97).map(str),
    st.integers(0, 255).map(lambda n: f"38;5;{n}"),
    st.tuples(*[st.integers(0, 255)] * 3).map(lambda rgb: "38;2;" + ";".join(map(str, rgb))),
)
ground = colour.map(lambda code: re.sub(r"^3", "4", code) if code[:1] == "3" else re.sub(r"^9", "10", code))
marks = st.sets(st.sampled_from("123479")).map(lambda found: ";".join(sorted(found)))
style = st.tuples(marks, colour, ground).map(lambda parts: ";".join(filter(None, parts)))
piece = st.tuples(
    style,
    st.sampled_from(["", "a", "漢 ", "x y", "\r\n", "38;2"]),
    st.sampled_from(["", "", "\x1b[3;4H", "z"]),
)


def seen(written: str) -> list[Cell | str]:
    """Every character as a terminal shows it, and where the cursor is sent."""
    found: list[Cell | str] = []
    on: set[int] = set()
    front: tuple[int, ...] = ()
    back: tuple[int, ...] = ()
    for sequence, char in re.findall(r"(\x1b\[[\d;]*[A-Za-z])|(.)", written, re.DOTALL):
        if char:
            found.append((char, frozenset(on), front, back))
        elif not sequence.endswith("m"):
            found.append(sequence)
        else:
            codes = [int(code) for code in sequence[2:-1].split(";")]
            while codes:
                code = codes.pop(0)
                rest = [] if code not in (38, 48) else codes[: 2 if codes[0] == 5 else 4]
                del codes[: len(rest)]
                if code == 0:
                    on, front, back = set(), (), ()
                elif code in range(30, 40) or code in range(90, 98):
                    front = (code, *rest)
                elif code in range(40, 50) or code in range(100, 108):
                    back = (code, *rest)
                else:
                    on.add(code)
    return found


@given(st.lists(piece, max_size=8))
def test_the_terminal_shows_the_same(pieces: list[tuple[str, str, str]]) -> None:
    written = "".join(
        (f"\x1b[{style}m{text}\x1b[0m" if style else text) + after for style, text, after in pieces
    )
    said = differences(written)
    assert seen(said) == seen(written) and len(said) <= len(written)


def test_a_style_after_another_says_what_is_other() -> None:
    row = "\x1b[38;2;1;2;3;48;2;9;9;9mname\x1b[0m\x1b[1;38;2;7;7;7;48;2;9;9;9mstate\x1b[0m\x1b[38;2;7;7;7;48;2;9;9;9mend\x1b[0m"
    assert differences(row) == (
        "\x1b[38;2;1;2;3;48;2;9;9;9mname\x1b[1;38;2;7;7;7mstate\x1b[0m\x1b[38;2;7;7;7;48;2;9;9;9mend\x1b[0m"
    )
