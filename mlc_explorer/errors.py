"""Every error a person can meet, in one hierarchy.

An error says what happened (`message`), what to do next (`hint`), where it happened
(`place`: a parameter's name, a node, a path in the loop tree, a step's number) and, when
there is more to read, the long form (`detail`: TVM's own text, IR with carets).
`code` names the text in `mlc_explorer/texts`, so that the screen can say it in the
person's language; `params` fill it. The same object crosses processes as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MlcError(Exception):
    """The root: anything MLC Explorer tells a person on purpose.

    `paths` are the loops and blocks (see `schema.loops`) that the screen lights up.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        place: str = "",
        detail: str = "",
        code: str = "",
        params: Mapping[str, Any] | None = None,
        paths: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place
        self.detail = detail
        self.code = code
        self.params = dict(params or {})
        self.paths = tuple(paths)

    def to_json(self) -> dict[str, Any]:
        """The error as plain data; `from_json` gives back the same class and fields."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "hint": self.hint,
            "place": self.place,
            "detail": self.detail,
            "code": self.code,
            "params": self.params,
            "paths": list(self.paths),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> MlcError:
        """The error that `to_json` wrote; an unknown class comes back as the root."""
        kind = _BY_NAME.get(str(data.get("error")), MlcError)
        return kind(
            str(data.get("message", "")),
            hint=str(data.get("hint", "")),
            place=str(data.get("place", "")),
            detail=str(data.get("detail", "")),
            code=str(data.get("code", "")),
            params=data.get("params") or {},
            paths=tuple(data.get("paths") or ()),
        )


class BadModel(MlcError):
    """A file that is no model, or a model that can't be imported; `place` is the node."""


class BadTrace(MlcError):
    """A trace, step or link that can't be read; `place` is the step or the parameter."""


class Refused(MlcError):
    """A transform that does not apply here; `paths` are the offending loops and blocks."""


class NotFound(MlcError):
    """A sample, function, target, level or transform that does not exist."""


class NotInstalled(MlcError):
    """An optional package is missing; `hint` is the command that installs it."""


class JobFailed(MlcError):
    """A worker's job that ended badly; the trace is kept and the worker is replaced."""


class Crashed(JobFailed):
    """The worker's process died (`params["signal"]`: SIGSEGV, SIGFPE, …)."""


class TimedOut(JobFailed):
    """The job used up its time and was ended (`params["seconds"]`)."""


class OutOfMemory(JobFailed):
    """The job asked for more memory than its limit (`params["limit_mib"]`)."""


class Cancelled(JobFailed):
    """Somebody pressed Cancel."""


class EngineUnavailable(MlcError):
    """The engine server can't be reached or started."""


def _subclasses(cls: type[MlcError]) -> list[type[MlcError]]:
    return [cls] + [s for c in cls.__subclasses__() for s in _subclasses(c)]


_BY_NAME = {c.__name__: c for c in _subclasses(MlcError)}
