"""Fair timing of several implementations in one process.

They take turns in short blocks, so that a change in the machine's load meets all of them. Thread pools go on
spinning after a call (seen: OpenBLAS' for 90 ms, TVM's for 150 to 300 ms) and steal the cores from whoever
comes next, who then seemed to take twice as long. So each block waits until this process is idle.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Protocol

_BLOCKS = 5
_REPEAT_S = 0.003  # one repeat lasts at least this long, far above the clock's resolution
_LEAST, _MOST, _LEAST_SLOW = 10, 200, 3  # repeats; a call longer than the whole budget gets the last
_LONG_ENOUGH = 8  # budgets: a call that takes so long is not made again
_IDLE_CHECK_S, _IDLE_SHARE, _IDLE_LIMIT_S = 0.01, 0.05, 0.4


class Contender(Protocol):
    """Something to time: `sample(number, repeat)` gives `repeat` means of `number` calls, in seconds."""

    def sample(self, number: int, repeat: int) -> list[float]: ...


def time_calls(call: Callable[[], object], number: int, repeat: int) -> list[float]:
    """`repeat` times the mean seconds of `number` calls of a Python callable."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(number):
            call()
        times.append((time.perf_counter() - start) / number)
    return times


def alternate(
    contenders: Mapping[str, Contender],
    seconds: Mapping[str, float],
    first: Mapping[str, float] | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> dict[str, list[float]]:
    """Seconds per call of each contender, timed in turns for about `seconds[name]` each.

    `first` says how long a call took that was made already; without it a call is made to learn that. If it
    took longer than the budget it is the first of three that count (the only one, if it took many budgets),
    else at least ten repeats are timed and at most some 200.
    """
    first = {
        n: once if (once := (first or {}).get(n)) is not None else c.sample(1, 1)[0]
        for n, c in contenders.items()
    }
    plans = {n: _plan(c, seconds[n], first[n]) for n, c in contenders.items()}
    blocks = max(len(plan) for plan in plans.values())
    times = {n: [first[n]] if first[n] > seconds[n] else [] for n in contenders}
    for i in range(blocks):
        for name, contender in contenders.items():
            if i < len(plans[name]):
                number, repeat = plans[name][i]
                if len(contenders) > 1:
                    wait_until_idle()
                if number > 1:  # a call that fills a repeat alone is too long for warming to matter
                    contender.sample(1, 1)
                times[name] += contender.sample(number, repeat)
        progress((i + 1) / blocks)
    return times


def wait_until_idle() -> bool:
    """Returns True when this process has used next to no CPU time for a moment, False if it never does."""
    end = time.perf_counter() + _IDLE_LIMIT_S
    while time.perf_counter() < end:
        used, start = time.process_time(), time.perf_counter()
        time.sleep(_IDLE_CHECK_S)
        if time.process_time() - used < _IDLE_SHARE * (time.perf_counter() - start):
            return True
    return False


def _plan(contender: Contender, seconds: float, once: float) -> list[tuple[int, int]]:
    """(number, repeat) of each block after a call that took `once`."""
    if once > _LONG_ENOUGH * seconds:
        return []
    if once > seconds:
        return [(1, 1)] * (_LEAST_SLOW - 1)
    once = min([once, *contender.sample(1, 2)])
    number = max(1, math.ceil(_REPEAT_S / max(once, 1e-7)))
    repeats = min(_MOST, max(_LEAST, int(seconds / (number * once))))
    return [(number, math.ceil(repeats / _BLOCKS))] * _BLOCKS
