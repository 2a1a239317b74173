"""What a person did: a model, a trace with a cursor in it, and a selection. Immutable, so that undo is free.

Every method that changes something returns a new Session; every method that looks asks the engine, whose
workers replay the trace. Nothing here knows TVM, and nothing here knows the screen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import BadModel, MlcError, NotFound
from .schema import advice
from .schema.codec import decode
from .schema.graph import GraphMatches, GraphView
from .schema.loops import LoopTree
from .schema.motion import CacheReport, MotionView
from .schema.palette import Candidates, Diagnosis, Grid, Offer, Palette, Point
from .schema.pipeline import PassDiff, PipelineView
from .schema.report import Measurement, RunResult, SampleInfo, StateInfo, TargetInfo
from .schema.sweep import Sweep, measured_function
from .schema.text import DiffView, TextView
from .schema.trace import Step, Trace, pack, unpack
from .schema.transform import Shortcut, TransformSpec
from .store import Store
from .sweeps import measured
from .workers.client import Engine

SHIPPED_TRACES = Path(__file__).resolve().parents[1] / "sample_models" / "traces"
Progress = Callable[[dict[str, Any]], None]


@functools.cache
def default_store() -> Store:
    """The store of this machine's user (see `store`)."""
    return Store()


@functools.cache
def default_engine() -> Engine:
    """The engine of this process; its server is started at the first call."""
    return Engine.local(fetch=default_store().get)


@dataclass(frozen=True)
class Selection:
    """What is chosen: a function, a graph node in the entry function, a loop or block in the function."""

    function: str | None = None
    node: str | None = None
    path: str | None = None


@dataclass(frozen=True)
class Session:
    """A workspace. `history` holds all steps, also those after the `cursor` that redo would bring back."""

    history: Trace
    cursor: int = 0
    selection: Selection = Selection()
    engine: Engine = field(default_factory=default_engine, compare=False, repr=False)

    # -- opening ---------------------------------------------------------------------------------------

    @classmethod
    def open(cls, model: str | Path, *, engine: Engine | None = None, store: Store | None = None) -> Session:
        """A sample by name, a stored model by ``sha256:…``, or a model file by path.

        Raises NotFound if there is neither such a sample nor such a file, BadModel if it can't be imported.
        """
        engine = engine or default_engine()
        reference = model_reference(model, engine, store)
        session = cls(Trace(reference), engine=engine)
        info = session.state()
        return replace(session, selection=Selection(function=info.entry))

    @classmethod
    def from_trace(cls, trace: Trace, *, engine: Engine | None = None) -> Session:
        """The workspace at the end of `trace`; a step that fails raises, naming itself as `place`."""
        session = cls(trace, len(trace.steps), engine=engine or default_engine())
        return replace(session, selection=Selection(function=session.state().entry))

    @classmethod
    def from_link(cls, text: str, *, engine: Engine | None = None) -> Session:
        """The workspace that `link` wrote. Nothing is replayed yet: a broken step shows when looked at."""
        data = unpack(text)
        history = Trace.from_json(data.get("trace") if isinstance(data, dict) else None)
        cursor = data.get("cursor")
        if not isinstance(cursor, int) or not 0 <= cursor <= len(history.steps):
            cursor = len(history.steps)
        chosen = data.get("selection") if isinstance(data.get("selection"), dict) else {}
        names = {k: v for k, v in chosen.items() if k in ("function", "node", "path") and isinstance(v, str)}
        return cls(history, cursor, Selection(**names), engine=engine or default_engine())

    def link(self) -> str:
        """The workspace as a short text for an address: model, all steps, cursor, selection."""
        chosen = {k: v for k, v in vars(self.selection).items() if v is not None}
        return pack({"trace": self.history.to_json(), "cursor": self.cursor, "selection": chosen})

    # -- changing --------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace:
        """The steps up to the cursor: what is on screen."""
        return self.history.upto(self.cursor)

    def apply(self, transform: str, function: str | None = None, **params: Any) -> Session:
        """One more step after the cursor. Refused (with reason, hint, paths) leaves this session as it is."""
        return self.apply_steps((Step(transform, function, params),))

    def apply_steps(self, steps: tuple[Step, ...]) -> Session:
        """Several steps at once (a shortcut, a pasted trace); all or none."""
        trace = Trace(self.history.model, self.trace.steps + tuple(steps))
        after = Session(trace, len(trace.steps), self.selection, self.engine)
        return replace(after, selection=after._carried(after.state(), len(steps)))

    def _carried(self, info: StateInfo, count: int) -> Selection:
        """The selection after the last `count` steps: moved with them, or dropped where it is gone."""
        chosen, names = self.selection, {f.name for f in info.functions}
        path = chosen.path
        for report in info.steps[-count:] if count else ():
            where = f"{chosen.function}:{path}"
            if path is not None and where in report.moved:
                now = report.moved[where]
                path = now.partition(":")[2] if now else None
        if chosen.function not in names:
            return Selection(function=info.entry)
        return Selection(chosen.function, chosen.node, path)

    def goto(self, cursor: int) -> Session:
        """The model as it was after `cursor` steps; later ones stay for `redo`. A path that does not exist
        there is dropped by whoever shows it."""
        return replace(self, cursor=max(0, min(cursor, len(self.history.steps))))

    def undo(self) -> Session:
        """One step back."""
        return self.goto(self.cursor - 1)

    def redo(self) -> Session:
        """One step forward."""
        return self.goto(self.cursor + 1)

    def delete_last(self) -> Session:
        """Removes the step at the cursor and all that redo would bring back."""
        count = max(0, self.cursor - 1)
        return replace(self, history=self.history.upto(count), cursor=count)

    def start_over(self) -> Session:
        """The untransformed model; redo still brings the steps back."""
        return self.goto(0)

    def select(self, **chosen: str | None) -> Session:
        """A new selection; what is not named stays (`function=`, `node=`, `path=`)."""
        return replace(self, selection=replace(self.selection, **chosen))

    # -- looking ---------------------------------------------------------------------------------------

    def _ask(self, job: str, kind: Any, **args: Any) -> Any:
        data = self.engine.call(job, trace=self.trace.to_json(), **args)
        return decode(kind, data) if kind else data

    def state(self) -> StateInfo:
        """Functions, inputs, outputs, and what each step did."""
        return self._ask("state", StateInfo)

    def graph(self, function: str | None = None, open: Sequence[str] | None = None) -> GraphView:
        """The computational graph of a function (default: the entry). `open` names the groups to open
        (``*``: all); None shows a big graph as a few dozen boxes, a small one whole."""
        return self._ask("graph", GraphView, function=function, open=None if open is None else list(open))

    def graph_search(self, query: str, function: str | None = None) -> GraphMatches:
        """The boxes of a graph, also in closed groups, by words such as ``conv`` or ``op:add shape:64``."""
        return self._ask("graph_search", GraphMatches, query=query, function=function)

    def dataflow(self, function: str | None = None) -> GraphView:
        """Blocks and buffers of a PrimFunc, and what flows between them."""
        return self._ask("dataflow", GraphView, function=function)

    def loop_nest(self, function: str | None = None) -> LoopTree:
        """Loops and blocks of a PrimFunc."""
        return self._ask("loops", LoopTree, function=function)

    def motion(self, function: str | None = None, block: str | None = None) -> MotionView:
        """Where each iteration of a block reads and writes; `block`: a path at or above it."""
        return self._ask("motion", MotionView, function=function, block=block)

    def cache(
        self, function: str | None = None, block: str | None = None, accesses: int | None = None
    ) -> CacheReport:
        """A simulation of the caches over the block's first `accesses` (default: a million)."""
        return self._ask("cache", CacheReport, function=function, block=block, accesses=accesses)

    def text(self, function: str | None = None, level: str | None = None, target: str = "cpu") -> TextView:
        """A function as text; `level`: one of `schema.levels` (default: tir or relax, as the function is)."""
        return self._ask("text", TextView, function=function, level=level, target=target)

    def diff(
        self, function: str | None = None, base: Trace | None = None, base_function: str | None = None
    ) -> DiffView:
        """What became of a function's text since `base`, a trace of any model (default: before the last
        step), where the function may have another name."""
        since = None if base is None else base.to_json()
        return self._ask("diff", DiffView, function=function, base=since, base_function=base_function)

    def pipeline(self, pipeline: str = "compile", target: str = "cpu") -> PipelineView:
        """Every pass of a pipeline (`schema.pipeline.NAMES`), run on the model as it is now."""
        return self._ask("pipeline", PipelineView, pipeline=pipeline, target=target)

    def pipeline_pass(
        self, index: int, pipeline: str = "compile", target: str = "cpu", function: str | None = None
    ) -> PassDiff:
        """One pass of that pipeline, before and after (default: the entry, or the first that it changed)."""
        return self._ask(
            "pipeline_pass", PassDiff, pipeline=pipeline, target=target, index=index, function=function
        )

    def why_not(self, transform: str, function: str | None = None, **params: Any) -> MlcError | None:
        """None if the step would apply now, else the refusal."""
        answer = self._ask("why_not", None, step=Step(transform, function, params).to_json())
        return MlcError.from_json(answer) if answer else None

    def palette(self, function: str | None = None, path: str | None = None, language: str = "en") -> Palette:
        """Every transform, tried for the loop or block at `path` (default: none) of `function`."""
        return self._ask("palette", Palette, function=function, path=path, language=language)

    def offer(
        self, transform: str, function: str | None = None, path: str | None = None, **params: Any
    ) -> Offer:
        """One transform's form and preview for the selection; `params` that are left out are proposed."""
        return self._ask("offer", Offer, transform=transform, function=function, path=path, params=params)

    def diagnosis(self, transform: str, function: str | None = None, **params: Any) -> Diagnosis:
        """Why the step would not apply now, where, and what would make it legal."""
        return self._ask("diagnosis", Diagnosis, step=Step(transform, function, params).to_json())

    def candidates(
        self, function: str | None = None, path: str | None = None, target: str = "cpu"
    ) -> Candidates:
        """Promising next steps for the block at or above `path`, before anything is measured."""
        return self._ask("candidates", Candidates, function=function, path=path, target=target)

    def grid(self, steps: Sequence[Mapping[str, Any]], most: int = 64) -> Grid:
        """The points of a sweep: JSON `steps` in which a value may be ``{"sweep": [values]}``."""
        return self._ask("grid", Grid, steps=list(steps), most=most)

    def steps_of(self, text: str, function: str | None = None) -> tuple[Step, ...]:
        """The steps that a pasted text stands for: a trace, an exported script, TVM's own schedule trace or a
        MetaSchedule record."""
        return tuple(Step.from_json(s) for s in self._ask("steps_of", None, text=text, function=function))

    def repeats(self, steps: Sequence[Step]) -> tuple[Point, ...]:
        """The same steps elsewhere: `values` of each point are another function and, for a step on one loop
        of the same function, another block; refused ones say why."""
        answers = self._ask("repeats", None, steps=[s.to_json() for s in steps])
        return tuple(decode(Point, a) for a in answers)

    # -- running ---------------------------------------------------------------------------------------

    def measure(
        self,
        function: str | None = None,
        target: str = "cpu",
        seconds: float = 1.0,
        progress: Progress | None = None,
    ) -> Measurement:
        """Compiles, checks and times the model (or one function); see `schema.report.Measurement`."""
        job = self.engine.submit(
            "measure", trace=self.trace.to_json(), function=function, target=target, seconds=seconds
        )
        while not job.done(0.1):
            if progress and job.progress():
                progress(job.progress())
        return decode(Measurement, job.result())

    def suggest(
        self,
        function: str | None = None,
        path: str | None = None,
        target: str = "cpu",
        seconds: float = advice.SECONDS,
        progress: Progress | None = None,
    ) -> advice.Advice:
        """`candidates`, each measured for `seconds`, best first. `progress` hears {"done", "of"}."""
        info = self.state()
        name = function or info.entry
        found = self.candidates(name, path, target)
        part = advice.measured_function(info, name)
        traces = [self.trace, *(advice.after(self.trace, c) for c in found.candidates)]
        try:
            known = self._ask("reference", None, function=part)
        except MlcError:  # each measurement then says by itself what is wrong
            known = None
        common = {"function": part, "target": target, "seconds": seconds, "known": known, "twins": False}
        measured, errors = dict[str, Measurement](), dict[str, MlcError]()
        for number, trace in enumerate(traces):
            limit = advice.LIMIT_SECONDS if number else None
            try:
                data = self.engine.call("measure", limit, trace=trace.to_json(), **common)
                measured[trace.key()] = decode(Measurement, data)
            except MlcError as error:  # an idea that can't be measured says so; the others go on
                errors[trace.key()] = error
            if progress:
                progress({"done": number + 1, "of": len(traces)})
        return advice.ranked(self.trace, found, measured, errors)

    def sweep(
        self,
        steps: Sequence[Mapping[str, Any]],
        function: str | None = None,
        target: str = "cpu",
        most: int = 64,
        progress: Progress | None = None,
        store: Store | None = None,
    ) -> Sweep:
        """The points of `grid`, each measured: `function`, by default the one that the steps change.
        `progress` hears {"done", "of"}; what `store` knows is not measured again."""
        part = measured_function(self.state(), [{"function": function}] if function else steps)
        return measured(self.engine, self.trace, self.grid(steps, most), part, target, progress, store)

    def run(self, image: int | None = None, target: str = "cpu") -> RunResult:
        """One call, on a shipped image or on seeded inputs."""
        inputs = {} if image is None else {"image": image}
        return self._ask("run", RunResult, inputs=inputs, target=target)

    def script(self, target: str = "cpu") -> str:
        """A Python script that needs only TVM and NumPy (and ONNX for an ONNX model) and does it all
        again.
        """
        return self._ask("script", None, target=target)["script"]


def model_reference(model: str | Path, engine: Engine, store: Store | None = None) -> str:
    """The `model` of a trace for what a person named: a sample, a stored digest, or a file (stored by
    this).
    """
    text = str(model)
    if text.startswith("sha256:") or text in {s.name for s in samples(engine)}:
        return text
    path = Path(model)
    if not path.is_file():
        names = ", ".join(s.name for s in samples(engine))
        raise NotFound(
            f"There is no sample and no file named '{text}'.",
            hint=f"Samples: {names}. Or give the path of an ONNX file.",
            place=text,
            code="model_missing",
            params={"name": text, "samples": names},
        )
    try:
        data = path.read_bytes()
    except OSError as e:
        raise BadModel(
            f"'{text}' can't be read: {e.strerror}.",
            hint="Check the file's permissions.",
            place=text,
            code="model_unreadable",
            params={"name": text, "reason": str(e.strerror)},
        ) from e
    return (store or default_store()).put(data, path.name)


def samples(engine: Engine | None = None) -> tuple[SampleInfo, ...]:
    """The models that ship."""
    return tuple(decode(SampleInfo, s) for s in (engine or default_engine()).call("samples"))


def shipped_trace(model: str) -> Trace | None:
    """The ready-made schedule that ships with a sample, if there is one."""
    file = SHIPPED_TRACES / f"{model}.json"
    if not model.isidentifier() or not file.is_file():
        return None
    return Trace.loads(file.read_text(encoding="utf-8"))


def transforms(engine: Engine | None = None) -> tuple[tuple[TransformSpec, ...], tuple[Shortcut, ...]]:
    """The catalogue, and the shortcuts that apply several steps at one click."""
    data = (engine or default_engine()).call("transforms")
    return (
        tuple(decode(TransformSpec, s) for s in data["transforms"]),
        tuple(decode(Shortcut, s) for s in data["shortcuts"]),
    )


def targets(engine: Engine | None = None) -> tuple[TargetInfo, ...]:
    """What this machine can compile and measure for."""
    return tuple(decode(TargetInfo, t) for t in (engine or default_engine()).call("targets"))
