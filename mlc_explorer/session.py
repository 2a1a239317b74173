"""What a person did: a model, a trace with a cursor in it, and a selection. Immutable, so that undo is free.

Every method that changes something returns a new Session; `questions` holds those that look. Nothing here
knows TVM, and nothing here knows the screen.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import BadModel, NotFound
from .questions import Questions
from .schema.codec import decode
from .schema.report import SampleInfo, StateInfo, TargetInfo
from .schema.trace import Step, Trace, pack, unpack
from .schema.transform import Shortcut, TransformSpec
from .store import Store
from .workers.client import Engine

SHIPPED_TRACES = Path(__file__).resolve().parents[1] / "sample_models" / "traces"


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
class Session(Questions):
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

    def unfold(self, index: int, count: int = 1) -> Session:
        """Puts the primitives in the place of step `index` (from 0), a recipe or a rule for a whole function;
        of `count` steps, in the place of those that are. What is on screen stays; the cursor moves along."""
        data = self.engine.call("unfold", trace=self.history.to_json(), index=index, count=count)
        return self._edited(index, count, tuple(Step.from_json(s) for s in data))

    def without(self, first: int, count: int = 1) -> Session:
        """Takes `count` steps out, from `first` (from 0). A later step that no longer applies raises, naming
        itself as `place`; this session stays as it is then."""
        return self._edited(first, count, ())

    def replaced(self, index: int, *steps: Step) -> Session:
        """Other steps in the place of step `index` (from 0); raises as `without` does."""
        return self._edited(index, 1, steps)

    def _edited(self, first: int, count: int, steps: tuple[Step, ...]) -> Session:
        kept = self.history.steps
        if not 0 <= first <= first + count <= len(kept):
            raise IndexError(f"there are {len(kept)} steps")
        history = Trace(self.history.model, (*kept[:first], *steps, *kept[first + count :]))
        more = len(steps) - count
        cursor = self.cursor + more if self.cursor >= first + count else min(self.cursor, first)
        after = replace(self, history=history, cursor=cursor)
        replace(after, cursor=len(history.steps)).state()  # raises where a step no longer applies
        return after

    def goto(self, cursor: int) -> Session:
        """The model as it was after `cursor` steps; later ones stay for `redo`. A path that does not exist
        there is dropped by whoever shows it."""
        return replace(self, cursor=max(0, min(cursor, len(self.history.steps))))

    def undo(self) -> Session:
        """One step back; at the end of a group, to before the whole group."""
        groups = [_outermost(step) for step in self.history.steps]
        back = self.cursor - 1
        at_end = self.cursor == len(groups) or (back >= 0 and groups[self.cursor] != groups[back])
        while at_end and back > 0 and groups[back] and groups[back - 1] == groups[back]:
            back -= 1
        return self.goto(back)

    def redo(self) -> Session:
        """One step forward; before a group, to its end."""
        groups = [_outermost(step) for step in self.history.steps]
        on = self.cursor + 1
        at_start = on == 1 or (on <= len(groups) and groups[on - 1] != groups[on - 2])
        while at_start and on < len(groups) and groups[on - 1] and groups[on] == groups[on - 1]:
            on += 1
        return self.goto(on)

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


def _outermost(step: Step) -> str:
    return step.group.partition("/")[0]


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
