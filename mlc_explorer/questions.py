"""What can be asked of a model after a trace. Every question is a job of the engine, whose workers replay
the trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import Cancelled, MlcError
from .schema import advice, tuning
from .schema.codec import decode
from .schema.graph import GraphMatches, GraphView
from .schema.loops import LoopTree
from .schema.motion import CacheReport, MotionView
from .schema.palette import Candidates, Diagnosis, Grid, Offer, Palette, Point
from .schema.pipeline import PassDiff, PipelineView
from .schema.recipe import Explanation
from .schema.report import Measurement, RunResult, StateInfo
from .schema.sweep import Sweep, measured_function
from .schema.text import DiffView, TextView
from .schema.trace import Step, Trace
from .store import Store
from .sweeps import measured
from .tuning import Elsewhere, TuningRun
from .workers.client import Engine

Progress = Callable[[dict[str, Any]], None]


class Questions:
    """Whoever has a `trace` and an `engine` can be asked."""

    engine: Engine

    @property
    def trace(self) -> Trace:
        """The model and the steps that all questions are about."""
        raise NotImplementedError

    # -- looking ---------------------------------------------------------------------------------------

    def _ask(self, job: str, kind: Any, **args: Any) -> Any:
        data = self.engine.call(job, trace=self.trace.to_json(), **args)
        return decode(kind, data) if kind else data

    def _run(self, job: str, progress: Progress | None, **args: Any) -> Any:
        """A job that takes its time: `progress` hears how far it is."""
        running = self.engine.submit(job, trace=self.trace.to_json(), **args)
        while not running.done(0.1):
            if progress and running.progress():
                progress(running.progress())
        return running.result()

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

    def recipe(
        self,
        recipe: str = "",
        function: str | None = None,
        target: str = "cpu",
        progress: Progress | None = None,
    ) -> tuple[Step, ...]:
        """The steps that make the model fast (``fast_cpu``, ``fast_gpu``), or `function` (``""``: whichever
        recipe fits it best). Refused where none fits."""
        data = self._run("recipe", progress, recipe=recipe, function=function, target=target)
        return tuple(Step.from_json(s) for s in data)

    def explain(self, step: Step, target: str = "cpu", language: str = "en") -> Explanation:
        """Strategy and numbers of a recipe, `step`, that would be applied now."""
        return self._ask("explain", Explanation, step=step.to_json(), target=target, language=language)

    # -- running ---------------------------------------------------------------------------------------

    def measure(
        self,
        function: str | None = None,
        target: str = "cpu",
        seconds: float = 1.0,
        progress: Progress | None = None,
    ) -> Measurement:
        """Compiles, checks and times the model (or one function); see `schema.report.Measurement`."""
        data = self._run("measure", progress, function=function, target=target, seconds=seconds)
        return decode(Measurement, data)

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

    def tune(
        self,
        function: str | None = None,
        target: str = "cpu",
        trials: int = tuning.TRIALS,
        minutes: float | None = None,
        around: bool = False,
        seed: int = 0,
        progress: Callable[[tuning.Heard], None] | None = None,
        store: Store | None = None,
        tracker: tuple[str, str] | None = None,
    ) -> tuning.Tuning:
        """Searches for a faster schedule of `function`, or of every function of the model; Ctrl+C ends it and
        keeps the best. `around`: the recipe with other numbers first. `tracker`: ``host:port`` of a TVM RPC
        tracker and the key of the machine where candidates are timed. What `store` knows is used."""
        bench = Elsewhere(*tracker, target) if tracker else None
        run = TuningRun.start(
            self.engine, store, self.trace, function, target, trials, minutes, around, seed, bench
        )
        while run.active:
            try:
                run.wait(0.2)
                if progress:
                    progress(run.heard)
            except KeyboardInterrupt:
                run.cancel()
        if run.result is None:
            raise run.error or Cancelled("The tuning ended without a result.", code="job_cancelled")
        return run.result

    def run(self, image: int | None = None, target: str = "cpu") -> RunResult:
        """One call, on a shipped image or on seeded inputs."""
        inputs = {} if image is None else {"image": image}
        return self._ask("run", RunResult, inputs=inputs, target=target)

    def script(self, target: str = "cpu") -> str:
        """A Python script that needs only TVM and NumPy (and ONNX for an ONNX model) and does it all
        again.
        """
        return self._ask("script", None, target=target)["script"]
