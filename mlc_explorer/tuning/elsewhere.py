"""Candidates timed on another machine, over TVM's RPC tracker.

From the command line and from scripts only: a confined worker has no network. So a worker compiles, and a
helper process (`engine/tuning/remote.py`), which runs nothing of what it is given, talks to the tracker.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import MlcError
from ..schema.tuning import SECONDS
from ..workers.limits import death, timed_out
from .race import Race
from .work import Work

_HELPER = "mlc_explorer.engine.tuning.remote"
_PROJECT = Path(__file__).resolve().parents[2]
_SLOW_SECONDS = 120.0  # for a function without a schedule
_POLL_S = 0.05


class Elsewhere:
    """A bench (see `work.Bench`): a machine that has the `key` at the `tracker` ``host:port``, with code
    that is compiled as `target` says."""

    def __init__(self, tracker: str, key: str, target: str) -> None:
        self._arguments = ["--tracker", tracker, "--key", key, "--target", target]
        self.machine = f"{key} at {tracker}"
        self._target = target
        self._process: subprocess.Popen[bytes] | None = None

    def trial(self, work: Work, race: Race, candidate: Mapping[str, Any], limit: float | None) -> float:
        made = work.call("tune_object", limit, code=race.task.code, candidate=candidate, target=self._target)
        answer = self._asked(made | {"expected": race.expected, "seconds": SECONDS}, work, limit)
        if "ms" not in answer:
            raise MlcError.from_json(answer)
        return float(answer["ms"])

    def close(self) -> None:
        """Ends the helper."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _asked(self, message: Mapping[str, Any], work: Work, limit: float | None) -> dict[str, Any]:
        """The helper's answer. One that hangs or dies ends one candidate: the next finds a new helper."""
        seconds = limit or _SLOW_SECONDS
        process = self._started(seconds)
        assert process.stdin is not None and process.stdout is not None
        until = time.monotonic() + 2 * seconds  # it also starts TVM
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            while not ready.select(_POLL_S):
                try:
                    work.refuse_when_over()
                    if time.monotonic() > until:
                        raise timed_out(seconds)
                except BaseException:
                    self.close()
                    raise
        line = process.stdout.readline()
        if not line:
            self._process = None
            raise death(process.wait(), b"", 0, False)
        return dict(json.loads(line))

    def _started(self, seconds: float) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            path = os.pathsep.join(p for p in (str(_PROJECT), os.environ.get("PYTHONPATH", "")) if p)
            self._process = subprocess.Popen(
                [sys.executable, "-m", _HELPER, *self._arguments, "--limit", str(seconds)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        return self._process
