"""Pages keep their word: links lead somewhere, command lines parse, projects load, every command is documented."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mlops_store import filters
from mlops_store.errors import Problem
from mlops_store.filter_fields import NOUNS
from mlops_tui.cli import docs
from mlops_tui.cli.tree import root
from mlops_tui.project.load import load
from mlops_tui.verbs import all_verbs

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sample_projects").rglob("*.md")]
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WRITTEN = [page for page in PAGES if page.name != "cli.md"]
"""Pages that people write; cli.md is made from the verbs."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [text for language, text in found if language in languages]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


# --- links ---


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as web renderers make them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_inside_the_project_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(other), f"{target}: {sorted(anchors(other))}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index


# --- command lines ---


def commands(text: str) -> Iterator[list[str]]:
    """The words after each `mlops-tui` in shell text, up to the next pipe, bracket or semicolon."""
    for line in text.replace("\\\n", " ").splitlines():
        for match in re.finditer(r"(?<![\w./-])mlops-tui(?= |$)", line):
            words = []
            lexer = shlex.shlex(line[match.end() :], posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            lexer.commenters = "#"
            try:
                for word in lexer:
                    if set(word) <= set("|&;()<>"):
                        break
                    words.append(word)
            except ValueError:  # quotes that close on a later line belong to the next command
                pass
            yield words


def parse(words: list[str]) -> None:
    """Parses a command line as the program does, without carrying it out. Raises click.UsageError, Problem."""
    command: click.Command = root()
    context = command.make_context("mlops-tui", list(words))
    while isinstance(command, click.Group):
        rest = (
            [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
        )
        word, found, left = command.resolve_command(context, list(rest))
        assert found is not None
        command, context = found, found.make_context(word, left, parent=context)


def in_blocks() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for text in blocks(page, "sh", "bash", "console", ""):
            if "──" not in text:  # a drawing
                yield from ((name(page), words) for words in commands(text) if words)
    for page in WRITTEN:
        indented = re.findall(r"^    (mlops-tui .*)$", prose(page), re.MULTILINE)
        yield from ((name(page), words) for words in commands("\n".join(indented)))


def inline() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for code in re.findall(r"`(mlops-tui [^`]+)`", prose(page)):
            yield from ((name(page), words) for words in commands(code) if "…" not in code)


def label(case: object) -> str:
    return " ".join(case) if isinstance(case, list) else str(case)


@pytest.mark.parametrize(("page", "words"), list(in_blocks()), ids=label)
def test_command_lines_of_examples_parse(page, words):
    parse(words)


@pytest.mark.parametrize(("page", "words"), list(inline()), ids=label)
def test_commands_named_in_the_text_exist(page, words):
    """In a sentence arguments may be left out, and stand for something (MODEL, N)."""
    try:
        parse(words)
    except (click.MissingParameter, click.exceptions.Exit):  # `--version` has its answer by then
        pass
    except click.BadParameter as error:
        assert re.search(r"[A-Z]{1,}", " ".join(words)), error
    except click.exceptions.NoArgsIsHelpError:
        pass


def test_filters_of_examples_parse():
    found = [words for _, words in in_blocks() if "--filter" in words]
    assert len(found) >= 12
    for words in found:
        noun = " ".join(words[:2])
        assert (
            filters.parse(words[words.index("--filter") + 1], noun if noun in NOUNS else words[0]) is not None
        )


def test_the_fields_of_every_list_are_in_the_reference():
    text = (ROOT / "docs" / "scripting.md").read_text()
    for key, noun in NOUNS.items():
        (row,) = [
            line for line in text.splitlines() if line.startswith((f"| `{key} list` |", f"| `{key}` |"))
        ]
        assert set(re.findall("`([^`]+)`", row.partition("|")[2].partition("|")[2])) == {
            *noun.columns,
            noun.order,
        }


def test_a_wrong_command_line_would_be_noticed():
    for wrong in (["run", "strat"], ["model", "promote", "m@1", "--expect"], ["wait"]):
        with pytest.raises((click.UsageError, Problem)):
            parse(wrong)


# --- mlops.toml ---


def toml_blocks() -> Iterator[tuple[str, str]]:
    for page in WRITTEN:
        yield from ((name(page), text) for text in blocks(page, "toml"))


@pytest.mark.parametrize(("page", "text"), list(toml_blocks()), ids=range(len(list(toml_blocks()))))
def test_toml_parses_and_whole_projects_load(page, text, tmp_path):
    parsed = tomllib.loads(text)
    if "project" not in parsed:
        return
    (tmp_path / "mlops.toml").write_text(text, encoding="utf-8")
    for model in parsed.get("model", {}).values():
        if recipe := model.get("recipe"):
            (tmp_path / recipe).touch()
    assert load(tmp_path).name == parsed["project"]["name"]


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_python_examples_compile(page):
    for text in blocks(page, "python"):
        compile(text, name(page), "exec")


# --- the page of commands ---


def test_every_command_is_documented():
    headings = set(re.findall(r"^### (.+)$", docs.TARGET.read_text(encoding="utf-8"), re.MULTILINE))
    assert headings == {verb.key for verb in all_verbs()}
