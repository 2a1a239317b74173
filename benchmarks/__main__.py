"""`python -m benchmarks` (or `make bench`): every table, one after another.

Each benchmark runs in a process of its own, so that none warms caches or holds threads of the next.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run every module of this folder; returns the number of those that failed."""
    names = [file.stem for file in sorted(HERE.glob("[!_]*.py"))]
    failed = 0
    for name in names:
        print(f"\n== benchmarks.{name}", flush=True)
        failed += (
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent).returncode != 0
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())
