"""`python -m benchmarks` (or `make bench`): every table, one after another; with a name, that one alone.

Each benchmark runs in a process of its own, so that none warms caches or holds threads of the next.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
_NO_BENCHMARK = {
    "zoo",
    "contenders",
    "one_click",
    "profiling",
    "torch_networks",
}  # what benchmarks are made of


def main(arguments: Sequence[str]) -> int:
    """Runs the benchmark that `arguments` begin with, with the rest of them, or else all.

    Returns the number of those that failed."""
    known = sorted({file.stem for file in HERE.glob("[!_]*.py")} - _NO_BENCHMARK)
    if not arguments:
        return sum(_run(name, ()) for name in known)
    if arguments[0] not in known:
        print(f"There is no benchmark '{arguments[0]}'; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    return _run(arguments[0], arguments[1:])


def _run(name: str, arguments: Sequence[str]) -> bool:
    """Whether it failed."""
    print(f"\n== benchmarks.{name}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, cwd=HERE.parent).returncode != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
