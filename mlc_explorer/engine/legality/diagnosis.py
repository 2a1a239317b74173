"""Why a step does not apply: the reason, the lines of the function where it shows, and what would help."""

from __future__ import annotations

from ...errors import MlcError, NotFound
from ...schema.palette import Diagnosis
from ...schema.text import TextView
from ...schema.trace import Step
from ..replay import State, apply
from ..transforms import lookup
from ..views.text import text
from .remedies import Case, remedies
from .trial import in_words


def diagnosis(state: State, step: Step, language: str) -> Diagnosis:
    """Without a refusal if the step applies after all. Raises NotFound for an unknown transform."""
    lookup.find(step.transform)
    try:
        apply(state, step)
    except MlcError as refusal:
        case = Case(state, step, refusal)
        view = _text(case)
        return Diagnosis(
            step.to_json(),
            in_words(refusal, language),
            view,
            _lines(case, view),
            () if isinstance(refusal, NotFound) else remedies(case, language),
        )
    return Diagnosis(step.to_json(), None, None)


def _text(case: Case) -> TextView | None:
    """The function that the step is for. A pass sees the whole model, of which no line is to blame."""
    return text(case.state.mod, case.step.function, "tir") if case.func is not None else None


def _lines(case: Case, view: TextView | None) -> tuple[int, ...]:
    """The headers of the loops and blocks that the refusal names. One that is about the function as it would
    be may name places that are not there yet: then those that the step names."""
    if view is None:
        return ()
    at = {mark.path: mark.line for mark in view.marks}
    found = [at[path] for path in case.refusal.paths if path in at]
    named = [place.path for place in (case.loop, case.block) if place is not None]
    return tuple(sorted(set(found or [at[path] for path in named if path in at])))
