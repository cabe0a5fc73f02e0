"""Makes the pictures of the app: python docs/images/make.py HOME, where HOME is a demo's home (`mlops-tui demo --dir D` → D/home)."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from mlops_store.home import Home
from mlops_tui.tui.actions import name_of
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.settings import Settings, look

PROJECT = ("flight-delays", None)
SIZES = {
    "runs": (200, 50),
    "run": (120, 36),
    "proposal": (120, 36),
    "monitoring": (120, 36),
    "home": (80, 24),
    "home-wide": (200, 50),
    "data": (80, 24),
}
"""Name of the picture → columns and rows."""
KEYS = {
    "home": (),
    "home-wide": (),
    "runs": ("2", "down"),
    "run": ("2", "down", "enter", "tab"),
    "proposal": ("7", "enter"),
    "monitoring": ("6", "enter"),
    "data": ("5", "enter", "tab", "tab"),
}
"""Name of the picture → keys that lead to it from Home."""


async def picture(home: Home, keys: tuple[str, ...], size: tuple[int, int]) -> str:
    """The screen after these keys, as SVG."""
    app = MlopsApp(home, PROJECT, look(Settings(), environ={"LANG": "C.UTF-8"}))
    app.title = "mlops-tui"
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.5)
        for key in keys:
            await pilot.press(name_of(key))
            await pilot.pause(1.5)
        return without_fetches(app.export_screenshot(title="mlops-tui"))


def without_fetches(svg: str) -> str:
    """Fonts are the reader's own: a picture fetches nothing. Spaces at the ends of a text count for every reader."""
    found = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S).replace(
        "Fira Code", "Menlo, DejaVu Sans Mono"
    )
    return found.replace("<svg ", '<svg xml:space="preserve" ', 1)


def main() -> None:
    home = Home.locate(sys.argv[1])
    for name, keys in KEYS.items():
        (Path(__file__).parent / f"{name}.svg").write_text(
            asyncio.run(picture(home, keys, SIZES[name])), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
