"""The mlops.toml of a folder: reading the file, and the identity of its recipes. `parse` judges what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_store.atomic import canonical, read_regular, sha256_bytes
from mlops_store.errors import Problem

if TYPE_CHECKING:
    from mlops_tui.project.schema import ProjectConfig

FILE = "mlops.toml"
MAX_BYTES = 1 << 20
_MAX_RECIPE = 16 << 20


class ConfigError(Problem):
    """A wrong mlops.toml. `findings` has all errors as {line, key, message, fix}."""

    def __init__(self, findings: list[dict[str, Any]]) -> None:
        self.findings = findings
        lines = []
        for finding in findings:
            key = f"{finding['key']}: " if finding["key"] else ""
            fix = f"; {finding['fix']}" if finding["fix"] else ""
            lines.append(f"{FILE}:{finding['line']}: {key}{finding['message']}{fix}")
        super().__init__("bad_config", "\n".join(lines), "", status=2)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ConfigError, (self.findings,))


def load(directory: Path | str) -> ProjectConfig:
    """The project in a folder. Raises ConfigError with all that is wrong, or Problem where there is no file."""
    folder = Path(directory)
    path = folder / FILE
    try:
        raw = read_regular(path, MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise Problem(
            "no_project",
            f"there is no {FILE} in {folder}",
            "go to a project's folder, or make one with `mlops-tui init DIR --target COLUMN`",
            status=2,
        ) from None
    except OSError as error:
        raise Problem(
            "config_unreadable", f"{path} cannot be read: {error.strerror}", "", status=2
        ) from error
    return parse_config(raw, folder)


def parse_config(raw: bytes, folder: Path) -> ProjectConfig:
    """The project of a file's bytes. Raises ConfigError."""
    from mlops_tui.project.parse import (
        parse,
    )  # pydantic: a daemon that has no project yet answers sooner without

    return parse(raw, folder)


def recipe_hash(config: ProjectConfig, model: str, directory: Path | str) -> str:
    """Identity of a recipe: the sha256 over the model's table (as read, defaults filled in) and its recipe.py.

    The retrain rules and notes are not part of it: they change when, not how, a model is trained.
    """
    table = config.model_named(model)
    content = table.model_dump(mode="json", by_alias=True, exclude={"retrain", "description"})
    code = ""
    if table.recipe:
        try:
            code = sha256_bytes(read_regular(Path(directory) / table.recipe, _MAX_RECIPE))
        except OSError as error:
            raise Problem(
                "no_recipe", f"{table.recipe} cannot be read: {error.strerror}", "", status=2
            ) from error
    return sha256_bytes(canonical([content, code]))
