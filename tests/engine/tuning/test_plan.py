"""What there is to tune: functions without the schedules that a candidate replaces."""

from __future__ import annotations

import pytest

from mlc_explorer.errors import Refused
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.schema.tuning import without_schedules

pytest.importorskip("tvm", reason="functions are TVM's")

from mlc_explorer.engine.tuning.jobs import tune_plan

SPLIT = Step("split", "main", {"loop": "matmul/k", "factors": [None, 8]})
MARK = Step("unroll", "main", {"loop": "matmul/k_1"})


def no_model(digest: str) -> bytes:
    raise AssertionError(f"{digest} is no sample")


def plan(trace: Trace, function: str | None = None):
    return tune_plan(trace.to_json(), no_model, function)


def test_a_function_is_tuned_without_the_steps_that_it_had():
    """They are the start, with which candidates are compared."""
    found = plan(Trace("matmul_128", (SPLIT, MARK)), "main")
    assert Trace.from_json(found.base) == Trace("matmul_128")
    (task,) = found.tasks
    assert [step["transform"] for step in task.start] == ["split", "unroll"]
    assert len(task.recipe) == 1 and task.recipe[0]["function"] == "main"
    assert task.calls == 1


def test_the_digest_does_not_depend_on_steps_or_names():
    """So that an earlier tuning of the same function is known."""
    (bare,), (scheduled,) = plan(Trace("matmul_128")).tasks, plan(Trace("matmul_128", (SPLIT,))).tasks
    assert bare.key == scheduled.key
    (other,) = plan(Trace("matmul_1024")).tasks
    assert other.key != bare.key


def test_a_graph_of_operators_is_lowered_first():
    """What that takes belongs to the group of the tuning."""
    found = plan(Trace("mlp"))
    base = Trace.from_json(found.base)
    assert {"LegalizeOps", "FuseTIR"} <= {step.transform for step in base.steps}
    assert {step.group for step in base.steps} == {"tuned"}
    assert len(found.tasks) >= 2 and all(task.calls >= 1 for task in found.tasks)


def test_functions_that_are_the_same_are_tuned_once():
    """resnet18 repeats its blocks; each of its functions is in one task only."""
    tasks = plan(Trace("resnet18")).tasks
    names = [name for task in tasks for name in (task.function, *task.twins)]
    assert len(set(names)) == len(names)
    assert len({task.key for task in tasks}) == len(tasks)
    assert sum(task.calls for task in tasks) > len(tasks)


def test_a_graph_function_has_no_loops():
    with pytest.raises(Refused) as refusal:
        plan(Trace("mlp"), "main")
    assert refusal.value.code == "tune_no_loops"


def test_steps_before_a_graph_pass_stay():
    """The pass was applied to what they made."""
    legalize = Step("LegalizeOps")
    trace = Trace("mlp", (legalize, SPLIT, Step("FoldConstant"), SPLIT, MARK))
    base, taken = without_schedules(trace, ["main"])
    assert base.steps == (legalize, SPLIT, Step("FoldConstant"))
    assert taken == {"main": (SPLIT, MARK)}
    assert without_schedules(trace, ["other"])[0] == trace
    assert without_schedules(trace, None)[0] == base


def test_what_the_rule_does_besides_scheduling_comes_before_a_search():
    """Exponentials written out for vectors: a schedule alone would call a library for each element."""
    (task,) = plan(Trace("softmax")).tasks
    assert len(task.recipe) == 2 and task.recipe[:1] == task.first
    (plain,) = plan(Trace("matmul_128")).tasks
    assert plain.first == ()
