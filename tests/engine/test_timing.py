"""Contenders take turns; each gets the repeats that its budget allows."""

import threading
import time

from mlc_explorer.engine.timing import alternate, time_calls, wait_until_idle


class Recorder:
    """A contender that pretends each call takes `seconds`, and writes down who was asked for what."""

    def __init__(self, name, seconds, log):
        self.name, self.seconds, self.log = name, seconds, log

    def sample(self, number, repeat):
        self.log.append((self.name, number, repeat))
        return [self.seconds] * repeat


def test_a_quick_call_is_repeated_within_each_timing_and_two_hundred_times_in_all():
    log = []
    times = alternate({"quick": Recorder("quick", 1e-5, log)}, {"quick": 1.0})
    assert len(times["quick"]) == 200
    assert {number for _, number, repeat in log if repeat == 40} == {300}  # 3 ms of 10 µs each


def test_a_call_of_a_tenth_of_the_budget_or_more_gets_ten_repeats():
    times = alternate({"ours": Recorder("ours", 0.5, [])}, {"ours": 1.0})
    assert len(times["ours"]) == 10


def test_a_call_longer_than_the_budget_is_timed_three_times():
    log = []
    times = alternate({"slow": Recorder("slow", 5.0, log)}, {"slow": 1.0}, first={"slow": 5.0})
    assert times == {"slow": [5.0] * 3}
    assert len(log) == 2  # the call that was made before counts as the first


def test_a_call_of_many_budgets_is_not_made_again():
    log = []
    times = alternate({"slow": Recorder("slow", 9.0, log)}, {"slow": 1.0}, first={"slow": 9.0})
    assert times == {"slow": [9.0]} and log == []


def test_contenders_take_turns():
    log = []
    pair = {name: Recorder(name, 0.01, log) for name in ("ours", "theirs")}
    alternate(pair, {"ours": 0.1, "theirs": 0.1}, first={"ours": 0.01, "theirs": 0.01})
    timed = [name for name, _, _ in log][2:]  # the first two learn how long a call is
    assert timed == ["ours", "theirs"] * 5


def test_progress_ends_at_one():
    seen = []
    alternate({"ours": Recorder("ours", 0.01, [])}, {"ours": 0.1}, progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1.0


def test_a_python_callable_is_timed_per_call():
    calls = []
    times = time_calls(lambda: calls.append(1), number=5, repeat=4)
    assert len(calls) == 20 and len(times) == 4
    assert all(t >= 0 for t in times)


def test_a_block_waits_for_threads_that_still_spin():
    stop = time.perf_counter() + 0.1

    def spin():
        while time.perf_counter() < stop:
            pass

    spinning = threading.Thread(target=spin)
    spinning.start()
    assert wait_until_idle()
    assert time.perf_counter() >= stop - 0.02
    spinning.join()
