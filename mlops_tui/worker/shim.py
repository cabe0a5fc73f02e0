"""Entry of the shim: `python -I -S shim.py RUN_DIR ATTEMPT`, and of a reader alone: `shim.py --log RUN_DIR ATTEMPT`.

Standard input may name values to mask in the output, each of them ended by NUL.

Isolated mode keeps a user's environment and site packages out of the one process that must not fail; the
package's own folder goes to the end of the path, so that nothing in it can stand in for the standard library.
Exit codes: 0 the attempt is claimed and a supervisor lives on, 75 another shim holds the attempt, 64 usage, 1 other.
"""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> int:
    alone = arguments[:1] == ["--log"]
    arguments = arguments[alone:]
    if len(arguments) != 2 or not arguments[1].isdigit():
        sys.stderr.write("usage: shim.py [--log] RUN_DIR ATTEMPT\n")
        return 64
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path += [
        root,
        os.path.join(root, "store"),
    ]  # the store stands beside the package, in a checkout below it
    run_dir, attempt, values = os.path.abspath(arguments[0]), int(arguments[1]), _values()
    if alone:
        from mlops_tui.worker.output import leave_reader

        leave_reader(run_dir, attempt, values)
        return 0
    from mlops_tui.worker.supervise import launch

    return launch(run_dir, attempt, values)


def _values() -> list[bytes]:
    if os.isatty(0):
        return []
    text = b""
    while block := os.read(0, 65536):
        text += block
    return [value for value in text.split(b"\0") if value]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
