"""Finding a transform by the name that a trace has, and making it with its parameters checked.

It stands apart from the catalogue because recipes are in the catalogue and look transforms up themselves.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping

from ...errors import BadTrace, NotFound
from ...schema.params import checked
from ...schema.trace import Step
from .base import Transform
from .wording import words


def make(step: Step) -> Transform:
    """The transform that `step` asks for, its parameters checked.

    NotFound for an unknown name; BadTrace for a parameter that is unknown, missing or wrong (`place`).
    """
    cls = find(step.transform)
    _check_function(cls, step)
    fields = {field.name: (field, kind) for field, kind in cls.kinds()}
    for name in step.params:
        if name not in fields:
            known = ", ".join(fields) or "-"
            raise BadTrace(**words("param_unknown", transform=cls.name, param=name, known=known), place=name)
    values = {}
    for name, (field, kind) in fields.items():
        optional = field.default is not dataclasses.MISSING
        given = step.params.get(name, field.default)
        if given is dataclasses.MISSING:
            said = words("param_missing", transform=cls.name, param=name, kind=kind.name)
            raise BadTrace(**said, place=name)
        if optional and given == field.default:
            values[name] = given
            continue
        value = checked(kind, name, cls.name, given)
        values[name] = tuple(value) if isinstance(value, list) else value
    return cls(**values)


def find(name: str) -> type[Transform]:
    """The transform of that name; NotFound, with the closest names, if there is none."""
    known = _known()
    if name in known:
        return known[name]
    lower = {other.lower(): other for other in known}
    close = [lower[c] for c in difflib.get_close_matches(name.lower(), lower, 3, 0.5)]
    raise NotFound(
        **words("transform_missing", name=name, close=", ".join(close or known)), place="transform"
    )


def _check_function(cls: type[Transform], step: Step) -> None:
    if cls.level != "graph" and step.function is None:
        raise BadTrace(**words("function_needed", transform=cls.name), place="function")
    if cls.level == "graph" and step.function is not None:
        said = words("function_not_taken", transform=cls.name, function=step.function)
        raise BadTrace(**said, place="function")


def _known() -> Mapping[str, type[Transform]]:
    from .catalogue import TRANSFORMS  # not at import: see above

    return TRANSFORMS
