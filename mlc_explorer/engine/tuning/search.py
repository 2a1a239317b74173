"""The next candidates of MetaSchedule's evolutionary search, from all that was measured so far.

The search is made anew each time: its database and its cost model are fed with the known records. That costs
tens of milliseconds for a few dozen records, and buys that nothing lives between two calls.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import IRModule
from tvm.s_tir import Schedule
from tvm.s_tir import meta_schedule as ms
from tvm.s_tir.meta_schedule import _ffi_api
from tvm.s_tir.meta_schedule.arg_info import ArgInfo
from tvm.s_tir.meta_schedule.cost_model import CostModel, XGBModel
from tvm.s_tir.meta_schedule.database import MemoryDatabase, TuningRecord
from tvm.s_tir.meta_schedule.mutator import Mutator
from tvm.s_tir.meta_schedule.postproc import Postproc
from tvm.s_tir.meta_schedule.runner import RunnerResult
from tvm.s_tir.meta_schedule.schedule_rule import ScheduleRule
from tvm.s_tir.meta_schedule.search_strategy import EvolutionarySearch, MeasureCandidate
from tvm.s_tir.meta_schedule.space_generator import PostOrderApply
from tvm.s_tir.schedule import Trace

from ..pasted.records import schedule_after
from .candidate import NAME, module_of, plain

Module = Callable[[], IRModule]  # makes the function anew, because a schedule may change it in place

_RULES = "llvm"  # those for AVX-512 and VNNI differ by intrinsics for int8 that take half a minute to import
_FAILED_S = 1e10  # MetaSchedule's own time for what did not run
_BEST, _LATEST = 48, 32  # of the known records: what a search starts from, and what else its model learns
_POPULATION = {True: 96, False: 32}  # by whether a model can tell the promising ones
_WARM = 16  # records before the model's opinion counts
_ROUNDS = 4  # searches that may find nothing new before there is nothing new


def has_cost_model() -> bool:
    """Whether xgboost is there to learn which candidates are promising."""
    return importlib.util.find_spec("xgboost") is not None


def search(
    code: str,
    first: Sequence[Mapping[str, Any]],
    target: tvm.target.Target,
    known: Sequence[Mapping[str, Any]],
    count: int,
    seed: int,
) -> list[dict[str, Any]]:
    """At most `count` candidates of records after the steps `first` that are not among the `known` ones:
    [{"record", "ms"}], where `ms` is None for what failed. Fewer, or none, where the space of schedules is
    small."""
    np.random.seed(seed % (1 << 32))  # TVM's cost models draw from NumPy's global generator
    seen = {_text(k["record"]) for k in known if "record" in k}
    found: dict[str, Any] = {}
    ask = _searching(lambda: module_of(code, first), target, known, count, seed)
    for records in itertools.islice(ask, _ROUNDS):
        found |= {_text(record): record for record in records if _text(record) not in seen}
        if len(found) >= count:
            break
    before = {"steps": list(first)} if first else {}
    return [before | {"record": record} for record in list(found.values())[:count]]


@dataclass(frozen=True)
class _Learned:
    """A record as its schedule, before and after postprocessing, and its time in seconds."""

    before: Schedule
    after: Schedule
    seconds: float


def _learned(module: Module, known: Sequence[Mapping[str, Any]]) -> list[_Learned]:
    records = [k for k in known if "record" in k]
    best = sorted((k for k in records if k.get("ms") is not None), key=lambda k: k["ms"])[:_BEST]
    chosen = {_text(k["record"]): k for k in [*best, *records[-_LATEST:]]}
    found = []
    for one in chosen.values():
        seconds = one["ms"] / 1e3 if one.get("ms") is not None else _FAILED_S
        before = Schedule(module())
        try:
            after = schedule_after(module(), NAME, one["record"])
            Trace.apply_json_to_schedule(one["record"], before)
        except Exception:  # of another version of TVM, perhaps
            continue
        found.append(_Learned(before, after, seconds))
    return found


def _searching(
    module: Module, target: tvm.target.Target, known: Sequence[Mapping[str, Any]], count: int, seed: int
) -> Iterator[list[Any]]:
    """The records of one round of the search after the other."""
    mod = module()
    context = _context(mod, target, seed)
    try:
        spaces = context.generate_design_space()
    except Exception:  # rules refuse functions that they were not made for, each in its own class
        return
    learned = _learned(module, known)
    database, model = _database(mod, target, learned), _model(context, learned)
    # More than are needed: the search does not know which of the known ones it draws again.
    context.pre_tuning(1 << 20, 2 * count, spaces, database, model)
    while candidates := context.generate_measure_candidates():
        yield [plain(c.sch.trace.simplified(remove_postproc=True).as_json()) for c in candidates]


def _context(mod: IRModule, target: tvm.target.Target, seed: int) -> ms.TuneContext:
    """MetaSchedule's context, made without its constructor, which imports every tensor intrinsic."""
    space = PostOrderApply(
        sch_rules=ScheduleRule.create(_RULES),
        postprocs=Postproc.create(_RULES),
        mutator_probs=Mutator.create(_RULES),
    )
    population = _POPULATION[has_cost_model()]
    strategy = EvolutionarySearch(
        population_size=population, init_min_unmeasured=population // 2, genetic_num_iters=2
    )
    threads = 1  # more draw their numbers in an order of their own, and a seed would mean nothing
    context = ms.TuneContext.__new__(ms.TuneContext)
    context.__init_handle_by_constructor__(
        _ffi_api.TuneContext, mod, target, space, strategy, NAME, threads, seed % (1 << 30) + 1, _say_nothing
    )
    _ffi_api.TuneContextInitialize(context)
    return context


def _say_nothing(*_: Any) -> None:
    """MetaSchedule logs each round at length."""


def _database(mod: IRModule, target: tvm.target.Target, learned: Sequence[_Learned]) -> MemoryDatabase:
    database = MemoryDatabase()
    workload = database.commit_workload(mod)
    arguments = ArgInfo.from_entry_func(mod, False)
    for one in learned:
        database.commit_tuning_record(
            TuningRecord(one.before.trace, workload, [one.seconds], target, arguments)
        )
    return database


def _model(context: ms.TuneContext, learned: Sequence[_Learned]) -> CostModel:
    """What predicts times: xgboost, taught by the records; without it any order is as good as another."""
    if not has_cost_model():
        return CostModel.create("random", num_tuning_cores=1)
    # So few data: more threads would wait for each other.
    model = XGBModel(num_warmup_samples=_WARM, num_tuning_cores=1)
    ran = [one for one in learned if math.isfinite(one.seconds) and one.seconds < _FAILED_S]
    if ran:
        candidates = [
            MeasureCandidate(one.after, ArgInfo.from_entry_func(one.after.mod, False)) for one in ran
        ]
        model.update(context, candidates, [RunnerResult([one.seconds], None) for one in ran])
    return model


def _text(record: Any) -> str:
    return json.dumps(record, sort_keys=True)
