"""Annotations: hints on a loop or block that later passes of TVM read.

Only keys from a list are taken. Some of TVM's keys compile code given as text (``pragma_import_c``,
``pragma_import_llvm``); a trace comes from anybody, so these are not offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule

from ...errors import Refused
from ...schema.params import Choice, Integer, Kind, Place, Scalar, Text, checked, param
from .. import paths
from .base import LoopTransform, Moves
from .scope import Scope
from .sources import Chosen, Source
from .wording import words

# key → what it may hold. The unrolling limit is bounded for the reason that `unroll` is.
LOOP_KEYS: dict[str, Kind] = {
    "pragma_auto_unroll_max_step": Integer(0, 1024),
    "pragma_unroll_explicit": Integer(0, 1),
    "pragma_loop_partition_hint": Integer(0, 1),
}
BLOCK_KEYS: dict[str, Kind] = {"double_buffer_scope": Integer(0, 15)}


def _keys(scope: Scope, chosen: Chosen) -> Sequence[str]:
    """The hints for a loop, or for a block."""
    place = scope.at(chosen.get("place"))
    return list(LOOP_KEYS if place is None or place.kind == "loop" else BLOCK_KEYS)


def _values(scope: Scope, chosen: Chosen) -> Sequence[int]:
    """Limits for unrolling; else yes or no."""
    return [64, 16, 256, 512] if chosen.get("key") == "pragma_auto_unroll_max_step" else [1, 0]


@dataclass(frozen=True)
class Annotate(LoopTransform):
    """Puts a hint for later passes on a loop or a block.

    TVM: ``annotate``; Halide has none; MLIR: ``transform.annotate``.

    place: the loop or block it goes on.
    key: ``pragma_auto_unroll_max_step`` (loop: unroll what is beneath if it makes at most so many
        statements),
        ``pragma_unroll_explicit`` (loop: 1 writes the copies out, 0 leaves them to LLVM),
        ``pragma_loop_partition_hint`` (loop: 1 splits off the iterations that need a guard),
        ``double_buffer_scope`` (block: position of the written buffer to hold twice).
    value: a whole number.

    ``for i in range(8)`` → ``for i in T.serial(8, annotations={"pragma_unroll_explicit": 1})``
    """

    name: ClassVar[str] = "annotate"
    family: ClassVar[str] = "annotation"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "annotate"
    proposes: ClassVar[Mapping[str, Source]] = {"key": _keys, "value": _values}

    place: str = param(Place())
    key: str = param(Choice((*LOOP_KEYS, *BLOCK_KEYS)))
    value: int | float | str | bool = param(Scalar())

    def run(self, sch: Schedule, function: str) -> Moves:
        value = int(self.value) if isinstance(self.value, bool) else self.value
        place = paths.find(sch.mod[function], self.place)
        kinds = LOOP_KEYS if place.kind == "loop" else BLOCK_KEYS
        if self.key not in kinds:
            code = "annotate_wants_block" if place.kind == "loop" else "annotate_wants_loop"
            raise Refused(
                **words(code, key=self.key, path=place.path, known=", ".join(kinds)),
                place="place",
                paths=(place.path,),
            )
        value = checked(kinds[self.key], "value", self.name, value)
        if self.key == "double_buffer_scope":
            self._refuse_unwritten(place, value)
        find = paths.loop_rv if place.kind == "loop" else paths.block_rv
        sch.annotate(find(sch, function, self.place), self.key, value)
        return {}

    def _refuse_unwritten(self, place: paths.Place, position: int) -> None:
        """Refused for a position at which the block writes nothing: lowering would fail."""
        written = [str(region.source.name) for region in place.node.writes]
        if position >= len(written):
            said = words(
                "buffer_not_written", block=place.path, buffer=position, known=", ".join(written) or "-"
            )
            raise Refused(**said, place="value", paths=(place.path,))


def _annotated(scope: Scope, chosen: Chosen) -> Sequence[str]:
    """The selected place; else all that have an annotation."""
    selected = [scope.selected.path] if scope.selected is not None else []
    return list(dict.fromkeys([*selected, *(p.path for p in scope.places if p.node.annotations)]))


def _own_keys(scope: Scope, chosen: Chosen) -> Sequence[str]:
    place = scope.at(chosen.get("place"))
    return [str(key) for key in place.node.annotations] if place is not None else []


@dataclass(frozen=True)
class Unannotate(LoopTransform):
    """Takes a hint off a loop or a block again, whoever put it there.

    TVM: ``unannotate``; Halide, MLIR and Exo have none.

    place: the loop or block.
    key: the annotation's name.

    ``for i in T.serial(8, annotations={"pragma_unroll_explicit": 1})`` → ``for i in range(8)``
    """

    name: ClassVar[str] = "unannotate"
    family: ClassVar[str] = "annotation"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "unannotate"
    proposes: ClassVar[Mapping[str, Source]] = {"place": _annotated, "key": _own_keys}

    place: str = param(Place())
    key: str = param(Text(r"[A-Za-z_][\w.]{0,99}"))

    def run(self, sch: Schedule, function: str) -> Moves:
        place = paths.find(sch.mod[function], self.place)
        known = [str(key) for key in place.node.annotations]
        if self.key not in known:
            said = words("annotation_missing", path=place.path, key=self.key, known=", ".join(known) or "-")
            raise Refused(**said, place="key", paths=(place.path,))
        find = paths.loop_rv if place.kind == "loop" else paths.block_rv
        sch.unannotate(find(sch, function, self.place), self.key)
        return {}
