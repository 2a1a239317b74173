"""A trace: what a person did to a model, as data. It is the only state there is.

JSON form (version 1)::

    {"version": 1, "model": "mlp", "steps": [
        {"transform": "split", "function": "matmul",
         "params": {"loop": "matmul/k", "factors": [null, 8]}}]}

`model` is a sample's name, or ``sha256:<64 hex digits>`` of a file in the store.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import BadTrace

VERSION = 1
_LINK_LIMIT = 1 << 20  # bytes a link may unpack to: a small link must not fill the memory


@dataclass(frozen=True)
class Step:
    """One applied transform: its name, the function it applies to, its parameters.

    `function` is None for a graph pass, which sees the whole module. `params` hold JSON
    values only, by the names that the transform declares. `group` says of what larger step it is a part:
    names with ``/`` between them, the outermost first (``fast_cpu/conv2d_blocked``). It changes nothing in
    what the step does.
    """

    transform: str
    function: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""

    def to_json(self) -> dict[str, Any]:
        """The step as in the trace's JSON form."""
        out: dict[str, Any] = {"transform": self.transform}
        if self.function is not None:
            out["function"] = self.function
        out["params"] = dict(self.params)
        return out | ({"group": self.group} if self.group else {})

    @staticmethod
    def from_json(data: Any, place: str = "step") -> Step:
        """Raises BadTrace naming `place` if `data` is no step."""
        if not isinstance(data, Mapping):
            raise _bad(f"{place} is not an object", place)
        extra = set(data) - {"transform", "function", "params", "group"}
        if extra:
            raise _bad(f"{place} has an unknown field {sorted(extra)[0]!r}", place)
        name, function, params = data.get("transform"), data.get("function"), data.get("params", {})
        group = data.get("group", "")
        if not isinstance(name, str) or not name:
            raise _bad(f"{place} has no 'transform'", place)
        if function is not None and not isinstance(function, str):
            raise _bad(f"{place}: 'function' is not a name", place)
        if not isinstance(params, Mapping):
            raise _bad(f"{place}: 'params' is not an object", place)
        if not isinstance(group, str):
            raise _bad(f"{place}: 'group' is not a name", place)
        return Step(name, function, dict(params), group)


@dataclass(frozen=True)
class Trace:
    """A model and the steps applied to it, in order."""

    model: str
    steps: tuple[Step, ...] = ()

    def then(self, step: Step) -> Trace:
        """This trace with one more step."""
        return Trace(self.model, (*self.steps, step))

    def upto(self, count: int) -> Trace:
        """The first `count` steps."""
        return Trace(self.model, self.steps[:count])

    def key(self) -> str:
        """A digest of model and steps: the name of this state in every cache. Groups do not count."""
        return self.keys()[-1]

    def keys(self) -> tuple[str, ...]:
        """The key of each beginning of this trace, from the bare model to all steps."""
        digest = hashlib.sha256(f"{VERSION} {self.model}".encode())
        keys = [digest.hexdigest()[:24]]
        for step in self.steps:
            digest.update(b"\n" + _canonical(replace(step, group="").to_json()))
            keys.append(digest.hexdigest()[:24])
        return tuple(keys)

    def to_json(self) -> dict[str, Any]:
        return {"version": VERSION, "model": self.model, "steps": [s.to_json() for s in self.steps]}

    @staticmethod
    def from_json(data: Any) -> Trace:
        """Raises BadTrace, naming the step, if `data` is not a trace of this version."""
        if not isinstance(data, Mapping):
            raise _bad("the trace is not an object", "trace")
        if data.get("version") != VERSION:
            raise _bad(
                f"the trace has version {data.get('version')!r}; this program reads {VERSION}", "version"
            )
        if not isinstance(data.get("model"), str) or not data["model"]:
            raise _bad("the trace names no model", "model")
        if not isinstance(data.get("steps"), list):
            raise _bad("the trace has no list of steps", "steps")
        steps = tuple(Step.from_json(s, f"step {i + 1}") for i, s in enumerate(data["steps"]))
        return Trace(data["model"], steps)

    def dumps(self) -> str:
        """Canonical JSON: equal traces give equal text."""
        return _canonical(self.to_json()).decode()

    @staticmethod
    def loads(text: str) -> Trace:
        try:
            return Trace.from_json(json.loads(text))
        except ValueError as e:
            raise _bad(f"the trace is not JSON: {e}", "trace") from e


def _canonical(data: Any) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def pack(data: Any) -> str:
    """JSON data as a short text for the address bar (zlib, then URL-safe base64)."""
    raw = json.dumps(data, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(zlib.compress(raw, 9)).decode().rstrip("=")


def unpack(text: str) -> Any:
    """What `pack` was given; BadTrace if the text was damaged or is too large."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        opened = zlib.decompressobj()
        data = opened.decompress(raw, _LINK_LIMIT)
        if opened.unconsumed_tail:
            raise ValueError("larger than a link may be")
        if not opened.eof:
            raise ValueError("its end is missing")
        return json.loads(data)
    except (ValueError, zlib.error) as e:
        raise BadTrace(
            f"The link can't be read: {e}",
            hint="It may have been cut when it was copied. Ask for it again, or open the model afresh.",
            place="link",
            code="link_broken",
            params={"reason": str(e)},
        ) from e


def _bad(message: str, place: str) -> BadTrace:
    return BadTrace(
        message[0].upper() + message[1:] + ".",
        hint="Export the trace again, or correct the place that is named.",
        place=place,
        code="trace_bad",
        params={"reason": message},
    )
