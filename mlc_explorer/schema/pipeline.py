"""A pipeline of passes as it ran: what each pass took and what it changed, and one pass before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .text import DiffView


@dataclass(frozen=True)
class Pipeline:
    """`targeted`: what it does depends on the chosen target. `usual` is the number of passes that it has for
    a small model, from which progress is estimated."""

    name: str
    targeted: bool
    usual: int


PIPELINES = (
    Pipeline("zero", targeted=False, usual=16),
    Pipeline("default", targeted=False, usual=20),
    Pipeline("compile", targeted=True, usual=79),
    Pipeline("compile_fused", targeted=True, usual=91),
)

NAMES = tuple(p.name for p in PIPELINES)


def pipeline(name: str) -> Pipeline | None:
    """The pipeline of that name, if there is one."""
    return next((p for p in PIPELINES if p.name == name), None)


@dataclass(frozen=True)
class PassRun:
    """One run of one pass, numbered by `index` in the order in which they began.

    `name` is TVM's. A pass that runs inside another one has that one's index as `parent`, and `depth` counts
    those around it. `kind` is what it rewrites: ``module``, ``function`` (each PrimFunc or Relax function on
    its own), ``sequence`` (passes in order), or empty where TVM does not tell. `seconds` includes the passes
    inside, `own_seconds` does not. `changed`, `added`, `removed` are names of functions;
    `changed_anything` also sees the module's attributes. `step` is the step of a trace that does the same, or
    None, and then `no_step` says why: ``sequence``, ``inner``, ``arguments`` or ``stage``.
    """

    index: int
    name: str
    depth: int
    parent: int | None
    kind: str
    seconds: float
    own_seconds: float
    changed_anything: bool
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    step: Mapping[str, Any] | None = None
    no_step: str = ""


@dataclass(frozen=True)
class PipelineView:
    """All passes of a run. `seconds` is what the whole took without our looking on, `outside_seconds` the
    part of it that is in no pass: code generation, and calling the passes."""

    pipeline: str
    target: str
    passes: tuple[PassRun, ...]
    seconds: float
    outside_seconds: float

    def steps_to(self, index: int) -> tuple[Mapping[str, Any], ...] | None:
        """The steps that lead from the model to where pass `index` has run: that pass, and those before it
        that changed anything. None if one of them can't be a step."""
        around = set(self._around(index))
        steps: list[Mapping[str, Any]] = []
        done: set[int] = set()  # whatever is inside of these is done with them
        for row in self.passes[: index + 1]:
            if row.parent in done:
                done.add(row.index)
            elif row.index in around:
                continue
            elif row.index != index and not row.changed_anything:
                done.add(row.index)
            elif row.step is not None:
                done.add(row.index)
                steps.append(row.step)
            elif row.kind != "sequence" or row.index == index:
                return None
        return tuple(steps)

    def _around(self, index: int) -> Iterator[int]:
        parent = self.passes[index].parent
        while parent is not None:
            yield parent
            parent = self.passes[parent].parent


@dataclass(frozen=True)
class PassDiff:
    """What pass `index` did to one of the `functions` that it changed, added or removed: the text before and
    after, at `level` ``tir`` or ``relax``. Where it did nothing to any, `diff` is None. `way` is what
    `PipelineView.steps_to` gives for it."""

    index: int
    name: str
    functions: tuple[str, ...]
    function: str | None = None
    level: str = ""
    diff: DiffView | None = None
    way: tuple[Mapping[str, Any], ...] | None = None
