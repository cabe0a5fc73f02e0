"""Property tests look for new examples on a developer's machine, and for the same ones in CI: there a red run has to mean the change."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")
