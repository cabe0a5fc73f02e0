"""The command `mlops-tui`: made from the verbs, loading only what the typed command needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec

import mlops_tui
from mlops_store.errors import Problem
from mlops_tui.cli import diagnostics
from mlops_tui.cli.session import Session
from mlops_tui.verbs import NOUNS, SCHEMA, TOP, Verb, of_noun

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
        self, name: str | None, words: Sequence[str], make: Callable[[str], click.Command], **rest: Any
    ) -> None:
        super().__init__(name, context_settings=SETTINGS, **rest)
        self._words = list(words)
        self._make = make

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._words

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._make(cmd_name) if cmd_name in self._words else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self._words:
            import difflib

            near = difflib.get_close_matches(args[0], self._words, n=1, cutoff=0.5)
            path = ctx.command_path
            hint = f"did you mean `{path} {near[0]}`?" if near else f"`{path} --help` lists the commands"
            raise Problem("unknown_command", f"there is no command `{path} {args[0]}`", hint, status=2)
        return super().resolve_command(ctx, args)


def _root() -> click.Group:
    help_text = (
        "The whole life of a machine-learning model: data, features, training, registry, scoring, drift and retraining.\n\n"
        "In a folder with an mlops.toml, commands act on that project.\n\n"
        "\b\nStart here:\n  mlops-tui                         the app\n"
        "  mlops-tui demo                    all of it on real data, in some minutes\n"
        "  mlops-tui init . --target COLUMN  your own folder of CSV or Parquet files"
    )
    version = click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        callback=_version,
        help="print the version; with --json also that of the shapes of all answers",
    )
    return _Group("mlops-tui", [*TOP, *NOUNS], _top, help=help_text, params=[*_global_options(), version])


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        session: Session = context.ensure_object(Session)
        text = f"mlops-tui {mlops_tui.__version__}"
        if session.json:
            found = {"version": mlops_tui.__version__, "schema": SCHEMA}
            text = msgspec.json.encode(found).decode()
        click.echo(text)
        context.exit()


def _top(word: str) -> click.Command:
    if word not in NOUNS:
        return _command(next(verb for verb in of_noun("") if verb.name == word))
    verbs = {verb.name: verb for verb in of_noun(word)}
    return _Group(
        word,
        list(verbs),
        lambda name: _command(verbs[name]),
        help=NOUNS[word],
        params=_global_options(hidden=True),
    )


def _command(verb: Verb) -> click.Command:
    """The click command of a verb."""
    from mlops_tui.commandline.params import click_parameter, parameters

    found = parameters(verb.input)
    typed = [click_parameter(parameter) for parameter in found if not parameter.fill]
    return click.Command(
        verb.name, params=[*typed, *_extra_options(verb), *_global_options()], help=_help(verb), context_settings=SETTINGS,
        short_help=verb.summary, callback=_callback(verb),
    )  # fmt: skip


def _extra_options(verb: Verb) -> list[click.Parameter]:
    extra: list[click.Parameter] = []
    if verb.plans:
        extra.append(
            click.Option(["--dry-run", "cli_dry_run"], is_flag=True, help="only say what would be done")
        )
    if verb.waits == "option":
        extra.append(click.Option(["--wait", "cli_wait"], is_flag=True, help="wait for the run to end"))
    if verb.waits == "always":
        extra.append(
            click.Option(["--no-wait", "cli_no_wait"], is_flag=True, help="do not wait for the run to end")
        )
    if verb.key == "run logs":
        extra.append(
            click.Option(["--follow", "-f", "cli_follow"], is_flag=True, help="go on until the run ends")
        )
    return extra


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code (see diagnostics)."""
    _open_streams()
    session = Session()
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words  # an error in the command line itself comes before its options are read
    try:
        code = _root().main(words or _default(), prog_name="mlops-tui", standalone_mode=False, obj=session)
        sys.stdout.flush()
        return int(code or 0)
    except Problem as problem:
        return diagnostics.report(problem, as_json=as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        return _no_command(error, as_json=as_json)
    except click.ClickException as error:
        return diagnostics.report(_usage(error), as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        return diagnostics.INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # the reader of our output has gone, which is its right (click makes an exit of it);
        # Python would complain once more when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return diagnostics.OK
    except Exception as error:  # noqa: BLE001 - no traceback for people; MLOPS_TUI_DEBUG=1 shows it
        return diagnostics.report_fault(error, as_json=as_json)
    finally:
        session.close()


def _default() -> list[str]:
    """Without a command: the app where there is a terminal to draw on, else what there is to type."""
    return ["tui"] if sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty() else ["--help"]


def _open_streams() -> None:
    """Started with `>&-`, Python has no stream at all; what is printed is for nobody then."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _no_command(error: click.exceptions.NoArgsIsHelpError, *, as_json: bool) -> int:
    """A noun alone: people get its help, a script an error of one line."""
    path = error.ctx.command_path if error.ctx is not None else "mlops-tui"
    if as_json:
        problem = Problem("usage", f"`{path}` needs a command", f"`{path} --help`", status=2)
        return diagnostics.report(problem, as_json=True)
    diagnostics.say(error.format_message())
    return diagnostics.USAGE


def _usage(error: click.ClickException) -> Problem:
    context = getattr(error, "ctx", None)
    hint = f"`{context.command_path} --help`" if context is not None else "`mlops-tui --help`"
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        hint = f"did you mean {' or '.join(sorted(error.possibilities))}?"
    return Problem("usage", error.format_message(), hint, status=2)


if __name__ == "__main__":
    sys.exit(main())
