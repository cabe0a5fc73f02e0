"""Masking what a run prints: CPU time of the mask alone, and of a run that prints much, beside the same program into a file.

The mask: megabytes a CPU second, the best of `--repeat`. The run: its own shim and reader, `--megabytes` printed in lines of 64 bytes; the program's
CPU is that of writing into the pipe, the reader's that of masking and appending. A run that prints nothing shows what the reader costs at rest.

    python benchmarks/masking.py
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from mlops_store.masking import Masker
from mlops_tui.worker.output import Output, read_output

TEXTS = {
    "plain lines": b"epoch 12 step 340 loss=0.4321 acc=0.912 lr=0.0003 time 12.3 s\n",
    "lines with a telling word": b"epoch 12 step 340 loss=0.4321 tokens=12345 tokens/s=992.1 acc 1\n",
    "paths and digests": b"read /usr/lib/python3/site-packages/pandas/core/frame/reading.py 3f2a9c3f2a9c3f2a9c3f2a9c3f2a9c3f\n",
    "secrets in each line": b"password=hunter22abc and token AKIAIOSFODNN7EXAMPLE at https://a:bcdefg@host/x\n",
    "no line end": b"abc def,ghi 12345.678 ",
    "random bytes": os.urandom(1 << 16),
}
PRINT = "import sys; w = sys.stdout.buffer.write; block = {line!r} * 16\nfor _ in range({count}): w(block)"


def rate(text: bytes, repeat: int) -> float:
    """MB of `text` that are masked in a second of CPU."""
    data, best = text * ((16 << 20) // len(text)), float("inf")
    for _ in range(repeat):
        masker = Masker([b"a value that a variable has"])
        started = time.process_time()
        for place in range(0, len(data), 1 << 16):
            masker.feed(data[place : place + (1 << 16)])
        masker.close()
        best = min(best, time.process_time() - started)
    return len(data) / best / 1e6


def _child(run: list[str], out: int) -> float:
    """CPU seconds of a program that prints to `out`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.posix_spawn(run[0], run, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
    os.close(out)
    os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def whole(megabytes: int) -> tuple[float, float, float]:
    """CPU seconds: the program into a file, the program into its pipe, and the reader of that."""
    line = TEXTS["plain lines"]
    run = [sys.executable, "-c", PRINT.format(line=line, count=megabytes * 1_000_000 // (16 * len(line)))]
    with tempfile.TemporaryDirectory() as folder:
        plain = _child(run, os.open(Path(folder, "plain"), os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        output = Output(folder, 1, ())
        reader = os.fork()
        if not reader:
            os.close(output.writer)
            read_output(folder, 1)
            os._exit(0)
        piped = _child(run, output.writer)
        _, _, used = os.wait4(reader, 0)
    return plain, piped, used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=200)
    options = parser.parse_args()
    print("| text | MB a CPU second |\n|---|--:|")
    for name, text in TEXTS.items():
        print(f"| {name} | {rate(text, options.repeat):.0f} |")
    plain, piped, reader = whole(options.megabytes)
    print(
        f"\n{options.megabytes} MB printed: into a file {plain:.2f} s CPU; into the pipe {piped:.2f} s, its reader {reader:.2f} s"
    )


if __name__ == "__main__":
    main()
