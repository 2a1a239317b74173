"""Whatever legal steps are put together, the function computes what it did before.

Each run takes the same schedules, so that a failure comes again: `MLC_EXPLORER_SCHEDULES=3000` tries so
many (two or three a second) instead of the first few, `MLC_EXPLORER_SCHEDULES=3000:40000` those from seed
40000 on.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEW, SECONDS = 40, 60


@pytest.fixture(scope="module")
def tried():
    """What `random_schedules` said: the schedules that went wrong, and what was counted."""
    asked, _, first = os.environ.get("MLC_EXPLORER_SCHEDULES", "").partition(":")
    limit = [] if asked else [str(SECONDS)]
    command = [sys.executable, "-m", "tests.engine.random_schedules", first or "0", asked or str(FEW), *limit]
    threads = {"TVM_NUM_THREADS": "2", "TVM_BIND_THREADS": "0"}
    run = subprocess.run(command, cwd=ROOT, env=os.environ | threads, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    *wrong, last = [json.loads(line) for line in run.stdout.splitlines()]
    return wrong, last["counts"]


def test_legal_schedules_compute_what_the_function_computes(tried):
    wrong, counts = tried
    assert not wrong, json.dumps(wrong[0], indent=1)
    assert counts["schedules"] >= 20, "too slow to say anything"


def test_the_schedules_are_worth_trying(tried):
    """Several steps each; and some that TVM accepts and that are refused here are among those drawn."""
    _, counts = tried
    assert counts["steps"] > 4 * counts["schedules"]
    assert counts["hazards"] > 0
