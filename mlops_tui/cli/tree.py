"""The commands, made from the verbs: each when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

import mlops_tui
from mlops_store.errors import Problem
from mlops_tui.cli.session import Session
from mlops_tui.verbs import NOUNS, SCHEMA, TOP, of_noun

if TYPE_CHECKING:
    from mlops_tui.verbs import Verb

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Global options hold wherever they stand; the last one counts."""
    session: Session = context.ensure_object(Session)
    if value is None or value is False:
        return
    setattr(
        session,
        {"home": "home_option", "project": "project_option", "json": "json"}[parameter.name or ""],
        value,
    )


def _global_options(*, hidden: bool = False) -> list[click.Parameter]:
    return [
        click.Option(["--home"], metavar="DIR", expose_value=False, callback=_remember, is_eager=True, hidden=hidden,
                     help="home of all records (default $MLOPS_TUI_HOME, or your user data folder)"),
        click.Option(["--project"], metavar="NAME", expose_value=False, callback=_remember, is_eager=True, hidden=hidden,
                     help="project to act on (default: of the mlops.toml here or above)"),
        click.Option(["--json"], is_flag=True, expose_value=False, callback=_remember, is_eager=True, hidden=hidden,
                     help="print one JSON document"),
    ]  # fmt: skip


class _Group(click.Group):
    """A group that makes its commands when they are asked for, and knows what was meant."""

    def __init__(
        self, name: str | None, words: Mapping[str, str], make: Callable[[str], click.Command], **rest: Any
    ) -> None:
        """`words`: the commands, each with what help says of it in one line."""
        super().__init__(name, context_settings=SETTINGS, **rest)
        self._words = words
        self._make = make

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._words)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists them without making any: what they are made from is most of what a command costs."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._words.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._make(cmd_name) if cmd_name in self._words else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[:1] == ["help"]:  # `help run list` is `run list --help`
            args = [*args[1:], "--help"]
            if all(word.startswith("-") for word in args):
                click.echo(ctx.get_help())
                ctx.exit()
        if args and not args[0].startswith("-") and args[0] not in self._words:
            import difflib

            near = difflib.get_close_matches(args[0], self._words, n=1, cutoff=0.5)
            path = ctx.command_path
            hint = f"did you mean `{path} {near[0]}`?" if near else f"`{path} --help` lists the commands"
            raise Problem("unknown_command", f"there is no command `{path} {args[0]}`", hint, status=2)
        return super().resolve_command(ctx, args)


def root() -> click.Group:
    help_text = (
        "The whole life of a machine-learning model: data, features, training, registry, scoring, drift and retraining.\n\n"
        "In a folder with an mlops.toml, commands act on that project.\n\n"
        "\b\nStart here:\n  mlops-tui                         the app\n"
        "  mlops-tui demo                    all of it on real data, in some minutes\n"
        "  mlops-tui init . --target COLUMN  your own folder of CSV or Parquet files\n"
        "  mlops-tui help run list           what a command does, and its options"
    )
    version = click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        callback=_version,
        help="print the version; with --json also that of the shapes of all answers",
    )
    return _Group("mlops-tui", {**TOP, **NOUNS}, _top, help=help_text, params=[*_global_options(), version])


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        session: Session = context.ensure_object(Session)
        text = f"mlops-tui {mlops_tui.__version__}"
        if session.json:
            import json

            text = json.dumps({"version": mlops_tui.__version__, "schema": SCHEMA}, separators=(",", ":"))
        click.echo(text)
        context.exit()


def _top(word: str) -> click.Command:
    if word not in NOUNS:
        return _command(next(verb for verb in of_noun("") if verb.name == word))
    verbs = {verb.name: verb for verb in of_noun(word)}
    return _Group(
        word,
        {name: verb.summary for name, verb in verbs.items()},
        lambda name: _command(verbs[name]),
        help=NOUNS[word],
        params=_global_options(hidden=True),
    )


def _command(verb: Verb) -> click.Command:
    """The click command of a verb."""
    from mlops_tui.commandline.params import click_parameter, manners, parameters

    found = parameters(verb.input)
    typed = [click_parameter(parameter) for parameter in found if not parameter.fill]
    return click.Command(
        verb.name, params=[*typed, *manners(verb), *_global_options()], help=_help(verb), context_settings=SETTINGS,
        short_help=verb.summary, callback=_callback(verb),
    )  # fmt: skip


def _help(verb: Verb) -> str:
    parts = [verb.summary, verb.help, f"\b\nExample:\n  {verb.example}" if verb.example else ""]
    return "\n\n".join(part for part in parts if part)


def _callback(verb: Verb) -> Callable[..., int]:
    def call(**given: Any) -> int:
        from mlops_tui.cli.invoke import How, invoke
        from mlops_tui.commandline.params import collect, parameters

        session = click.get_current_context().ensure_object(Session)
        waits = verb.waits == "always" and not given.get("cli_no_wait")
        how = How(
            dry_run=bool(given.get("cli_dry_run")),
            wait=waits or bool(given.get("cli_wait")),
            follow=bool(given.get("cli_follow")),
        )
        return invoke(session, verb, collect(parameters(verb.input), given), how)

    return call
