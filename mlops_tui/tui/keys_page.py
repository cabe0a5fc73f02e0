"""docs/keys.md from the registry: `python -m mlops_tui.tui.keys_page > docs/keys.md`."""

from __future__ import annotations

from mlops_tui.tui.actions import ACTIONS, PREFIXES, Action, shown_key, shown_keys
from mlops_tui.tui.actions.several import SEVERAL, meanings
from mlops_tui.tui.actions.without import WITHOUT
from mlops_tui.tui.dialogs.help import TITLES

HEAD = """# Keys

Made from the registry of actions by `python -m mlops_tui.tui.keys_page > docs/keys.md`.

Two letters are pressed one after the other; the second never times out. The name of an action is what `[keys]` in `tui.toml` calls it:
`"run.stop" = "f8"`. An action without a key is in the palette (`ctrl+p`). *Same as* names the command that does the same, or says why
there is none.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for where in dict.fromkeys(context for action in ACTIONS.values() for context in action.contexts):
        title = TITLES.get(where, where)
        parts.append(
            f"## {title[0].upper()}{title[1:]}\n\n| Keys | Name | What it does | Same as |\n|---|---|---|---|"
        )
        parts += [_row(action) for action in ACTIONS.values() if where in action.contexts]
        parts.append("")
    titles = meanings(ACTIONS.values(), PREFIXES)
    parts.append("## Keys that do several things\n\n| Key | What it does | In common |\n|---|---|---|")
    parts += [
        f"| `{shown_key(key)}` | {', '.join(titles[key]).lower()} | {why} |" for key, why in SEVERAL.items()
    ]
    parts.append("")
    parts.append("## Commands without an action\n\n| Command | Why |\n|---|---|")
    parts += [f"| `mlops-tui {verb}` | {why} |" for verb, why in sorted(WITHOUT.items())]
    return "\n".join(parts) + "\n"


def _row(action: Action) -> str:
    keys = " ".join(f"`` {key} ``" if "`" in key else f"`{key}`" for key in shown_keys_of(action))
    same = f"`mlops-tui {action.verb}`" if action.verb else action.reason
    return f"| {keys or 'palette'} | `{action.id}` | **{action.title}.** {action.help} | {same} |".replace(
        "`|`", "`\\|`"
    )


def shown_keys_of(action: Action) -> list[str]:
    """Its keys, one by one."""
    return [part for keys in shown_keys(action) for part in keys.split()]


if __name__ == "__main__":
    print(page(), end="")
