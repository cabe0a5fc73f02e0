"""Entry of the shim: `python -I -S shim.py RUN_DIR ATTEMPT`.

Isolated mode keeps a user's environment and site packages out of the one process that must not fail; the
package's own folder goes to the end of the path, so that nothing in it can stand in for the standard library.
Exit codes: 0 the attempt is claimed and a supervisor lives on, 75 another shim holds the attempt, 64 usage, 1 other.
"""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or not arguments[1].isdigit():
        sys.stderr.write("usage: shim.py RUN_DIR ATTEMPT\n")
        return 64
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from mlops_tui.worker.supervise import launch

    return launch(os.path.abspath(arguments[0]), int(arguments[1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
