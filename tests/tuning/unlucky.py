"""The job `tune_trial` with bad luck: a candidate of the search may crash its process, or never end."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from typing import Any

LANES = {"tune_trial": "measure"}
CRASHES, HANGS = 0, 1  # by the candidate's digest, of six fates


def fate(candidate: Any) -> int:
    """0 to 5, always the same for a candidate."""
    return hashlib.sha256(json.dumps(candidate, sort_keys=True).encode()).digest()[0] % 6


def tune_trial(code: str, candidate: Any, **more: Any) -> dict[str, float]:
    if "record" in candidate:
        if fate(candidate) == CRASHES:
            os.kill(os.getpid(), signal.SIGSEGV)
        if fate(candidate) == HANGS:
            time.sleep(600)
    from mlc_explorer.engine.tuning import jobs

    return jobs.tune_trial(code, candidate, **more)
