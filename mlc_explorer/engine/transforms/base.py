"""What every transform is: a frozen dataclass whose fields are its parameters.

From the declaration come the form, the JSON, the exported Python and the docs. A class attribute `name` is
what a trace calls it (TVM's own name where it has one), `family` groups the palette, `target` is what must be
selected for it (``loop``, ``block`` or nothing).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm import IRModule, relax
from tvm.s_tir import Schedule
from tvm.s_tir.schedule import Trace
from tvm.tirx import PrimFunc

from ...schema.params import Kind
from .. import paths
from .sources import Source

Moves = Mapping[str, Any]


@dataclass(frozen=True)
class Transform:
    """The root. `tvm` is TVM's own name of the primitive or pass. `proposes` says for a parameter from where
    a form takes its values, where its kind does not say enough."""

    name: ClassVar[str]
    family: ClassVar[str]
    level: ClassVar[str]
    target: ClassVar[str] = ""
    tvm: ClassVar[str] = ""
    proposes: ClassVar[Mapping[str, Source]] = {}

    @classmethod
    def kinds(cls) -> Iterator[tuple[dataclasses.Field[Any], Kind]]:
        """The parameters in order: the dataclass field and its kind."""
        for field in dataclasses.fields(cls):
            yield field, field.metadata["kind"]


@dataclass(frozen=True)
class LoopTransform(Transform):
    """A schedule primitive: it rewrites the loops of one PrimFunc."""

    level: ClassVar[str] = "loop"

    def run(self, sch: Schedule, function: str) -> Moves:
        """Applies the primitive to `function` of the schedule's module.

        Returns where a place that TVM dissolves lives on: its path before → the random variable, or the node,
        after. A place that merely moves is followed by TVM and need not be named. Raises Refused, or TVM's
        own error.
        """
        raise NotImplementedError

    def source(self, trace: Trace) -> list[str]:
        """Lines of TVM Python that do to a schedule `sch` what `trace` says, which `run` has left."""
        return [str(line) for line in trace.as_python()]

    @staticmethod
    def canonical(sch: Schedule, function: str, path: str) -> str:
        """`path` as `paths.walk` writes it (a loop may be named through any block beneath it)."""
        return paths.find(sch.mod[function], path).path


@dataclass(frozen=True)
class FunctionTransform(Transform):
    """A rule that schedules one PrimFunc as a whole, such as a dlight rule or a TensorIR pass."""

    level: ClassVar[str] = "function"

    def run(self, mod: IRModule, function: str) -> IRModule:
        """`mod` holds `function` only and is not changed; the answer has it under the same name.

        Raises Refused, or TVM's own error.
        """
        raise NotImplementedError

    def source(self, function: str) -> str:
        """Plain TVM Python that does the same to `one`, a module that holds `function` only."""
        raise NotImplementedError

    def source_for(self, func: PrimFunc, function: str) -> str:
        """`source`, where it depends on the function."""
        return self.source(function)


@dataclass(frozen=True)
class ScheduleRule(FunctionTransform):
    """A rule that leaves a schedule's trace, along which every loop can be followed. `sound`: what it makes
    need not be searched for hazards, which can take ten times as long as the rule."""

    sound: ClassVar[bool] = False

    def trace(self, func: PrimFunc) -> Trace:
        """What the rule does to `func`, which the trace calls ``main``.

        Raises Refused, or TVM's own error.
        """
        raise NotImplementedError

    def attributes(self) -> dict[str, object]:
        """What the rule writes on the function besides."""
        return {}


@dataclass(frozen=True)
class GraphTransform(Transform):
    """A pass: it sees the whole module. `needs` names what must be there for it to have a meaning, in words
    that `stages` knows."""

    level: ClassVar[str] = "graph"
    needs: ClassVar[tuple[str, ...]] = ()

    def run(self, mod: IRModule) -> IRModule:
        """The new module; `mod` is left as it is."""
        raise NotImplementedError

    def source(self) -> str:
        """Plain TVM Python that does the same to the variable `mod`; `tvm` and `relax` are imported."""
        raise NotImplementedError

    def source_for(self, mod: IRModule) -> str:
        """`source`, where it depends on the module that `mod` names."""
        return self.source()

    def carried(self, mod: IRModule) -> tuple[str, ...]:
        """Definitions that `source_for` uses, each in a text of its own; `np` is imported as well."""
        return ()

    def packages(self) -> tuple[str, ...]:
        """What must be installed, besides TVM and NumPy, to run the module that comes of it."""
        return ()


@dataclass(frozen=True)
class RelaxPass(GraphTransform):
    """A pass of `tvm.relax.transform` under its own name. Its fields are the pass's arguments."""

    def arguments(self) -> dict[str, object]:
        """What the pass is made with; what stands as TVM's default is left out."""
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {f.name: given[f.name] for f in dataclasses.fields(self) if given[f.name] != f.default}

    def run(self, mod: IRModule) -> IRModule:
        return getattr(relax.transform, self.name)(**_plain(self.arguments()))(mod)

    def source(self) -> str:
        made = ", ".join(f"{key}={value!r}" for key, value in _plain(self.arguments()).items())
        return f"mod = relax.transform.{self.name}({made})(mod)"


@dataclass(frozen=True)
class RelaxPipeline(GraphTransform):
    """A pipeline that `tvm.relax.get_pipeline` knows by `name`."""

    family: ClassVar[str] = "pipeline"
    needs: ClassVar[tuple[str, ...]] = ("graph",)

    def run(self, mod: IRModule) -> IRModule:
        return relax.get_pipeline(self.name)(mod)

    def source(self) -> str:
        return f"mod = relax.get_pipeline({self.name!r})(mod)"


def _plain(arguments: Mapping[str, object]) -> dict[str, object]:
    """TVM takes lists, and a frozen step holds tuples."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in arguments.items()}
