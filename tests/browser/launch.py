"""The real app and a real browser, for tests and benchmarks.

`serve` starts the app as `make run` does, on a free port and with a home of its own; `find_chromium`
finds the system's browser, and `FLAGS` make it draw the same pixels every time.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]

CHROMIUM_SETTING = "MLC_EXPLORER_CHROMIUM"
MISSING = (
    "no Chromium or Chrome was found: install one (scripts/install-system.sh does, as root on Debian or"
    f" Ubuntu), or name its executable in {CHROMIUM_SETTING}"
)

FLAGS = [
    "--no-sandbox",  # as root, which a container's CI is, Chromium starts only without it
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--disable-gpu",
]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PLACES = (
    "/usr/bin/chromium",
    "/usr/lib/chromium/chromium",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_URL = re.compile(r"(?:URL: |running on )(http://\S+)")


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome: the setting, then PATH, then the usual places."""
    if named := os.environ.get(CHROMIUM_SETTING):
        return named if Path(named).is_file() else None
    candidates = [*map(shutil.which, _NAMES), *filter(os.path.isfile, _PLACES)]
    return next(filter(None, candidates), None)


@contextlib.contextmanager
def serve(
    home: Path,
    *,
    script: str = "app.py",
    command: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    wait_s: float = 60,
) -> Iterator[str]:
    """Run the app with `home` as MLC_EXPLORER_HOME; yields its address, and ends what it started.

    `python <script>` starts it, or `python <command>`, which must take a free port by itself.
    `settings` are further variables of its environment.
    """
    log = home / "server.log"
    environment = os.environ | {
        "MLC_EXPLORER_HOME": str(home),
        "MLC_EXPLORER_PORT": "0",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("MLC_EXPLORER_HOST", None)
    environment |= settings or {}
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, *(command or [script])],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _address(server, log, wait_s)
    finally:
        _end(server)


def _address(server: subprocess.Popen[bytes], log: Path, wait_s: float) -> str:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline and server.poll() is None:
        if found := _URL.search(log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the app did not start; its log says:\n{log.read_text(errors='replace')}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server, and what it started in case that outlives it."""
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(10)
    _, alive = psutil.wait_procs(family, timeout=3)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if server.poll() is None:
        server.kill()
        server.wait()


if __name__ == "__main__":  # for scripts/install-system.sh: prints the browser's path, or fails
    found = find_chromium()
    print(found or MISSING)
    sys.exit(found is None)
