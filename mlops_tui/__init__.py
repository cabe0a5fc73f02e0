"""mlops-tui: the whole life of a machine-learning model in one terminal app."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlops_tui.sdk import Run as Run
    from mlops_tui.sdk import start_run as start_run

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "start_run"]


def __getattr__(name: str) -> object:
    # the shim, the CLI and the daemon import this package too: only who asks for the SDK pays for it
    if name in ("start_run", "Run"):
        from mlops_tui import sdk

        return getattr(sdk, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
