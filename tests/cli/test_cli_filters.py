"""Lists on the command line: every one of them filters, sorts, skips and counts, and says where a filter is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_store.filter_fields import NOUNS
from mlops_store.home import Home
from mlops_tui.cli.main import main
from mlops_tui.verbs import all_verbs
from mlops_tui.verbs._declare import Page

_LISTS = {key: key.split() if key == "data quarantine" else [key, "list"] for key in NOUNS if key not in ("run", "model history")}  # fmt: skip


def test_every_list_has_a_table_of_fields() -> None:
    lists = {verb.key: verb for verb in all_verbs() if getattr(verb.output, "__origin__", None) is Page}
    assert {key.removesuffix(" list") for key in lists} == set(NOUNS)
    assert all({"filter", "sort", "offset"} <= set(verb.input.__struct_fields__) for verb in lists.values())


@pytest.mark.parametrize("noun", sorted(_LISTS))
def test_every_list_filters_and_sorts_by_every_field(
    noun: str, shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    words = ["--home", str(shared_home.path), "--json", *_LISTS[noun]]
    every = " or ".join(f"has:{name}" for name in NOUNS[noun].columns) + " or x"
    assert main([*words, "--filter", every, "--offset", "0", f"--sort=-{NOUNS[noun].since}"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["total"] == len(shown["items"]) or shown["next"]
    for extra, code, says in (
        (["--filter", "foo = 1"], "bad_filter", f"no field 'foo' of {NOUNS[noun].plural}; fields: "),
        (["--sort", "foo"], "bad_sort", f"{NOUNS[noun].plural} cannot be sorted by 'foo'"),
        (["--page", "rubbish"], "bad_page", "rubbish"),
        (["--page", "WyItYWdlIiwxLDFd", "--sort=age"], "bad_page", "another order"),
        (["--page", "WyItYWdlIiwxLDFd", "--offset", "3"], "bad_page", "--page or by --offset"),
    ):
        assert main([*words, *extra]) == 2
        error = json.loads(capsys.readouterr().err)["error"]
        assert error["code"] == code and says in error["message"]


def test_projects_are_filtered_sorted_and_paged(
    shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    home = ["--home", str(shared_home.path), "--json"]
    for name in ("filter-a", "filter-b", "filter-c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mlops.toml").write_text(
            f'[project]\nname = "{name}"\n[source.s{name[-1]}]\npath = "*.csv"\n'
        )
        assert main([*home, "project", "add", str(tmp_path / name)]) == 0
    capsys.readouterr()

    def names(*words: str) -> tuple[list[str], str | None]:
        assert main([*home, "project", "list", *words]) == 0
        shown = json.loads(capsys.readouterr().out)
        return [item["name"] for item in shown["items"]], shown["next"]

    assert names("--filter", "name ~ '^filter-[ab]$' and age < 1d")[0] == ["filter-a", "filter-b"]
    assert names("--filter", "sources:sc or (name = filter-a and problems is null)")[0] == [
        "filter-a",
        "filter-c",
    ]
    assert names("--filter", "name:filter", "--sort=-sources")[0] == ["filter-c", "filter-b", "filter-a"]
    assert names("--filter", "name:filter", "--offset", "1", "--limit", "1")[0] == ["filter-b"]
    found, following = names("--filter", "name:filter", "--sort=-name", "--limit", "2")
    assert found == ["filter-c", "filter-b"] and following is not None
    assert names("--filter", "name:filter", "--sort=-name", "--page", following) == (["filter-a"], None)
    assert main([*home, "project", "list", "--filter", "dir ~ '(?=x)'"]) == 2, "the index has no look-ahead"
    for name in ("filter-a", "filter-b", "filter-c"):
        assert main([*home, "project", "remove", name]) == 0
