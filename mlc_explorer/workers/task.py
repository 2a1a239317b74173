"""A job as the server holds it: what to do, for how long, and how to tell the client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import MlcError
from . import protocol

_PROGRESS_EVERY = 0.03  # seconds: more than an eye can follow, and a worker can't flood its client


@dataclass(eq=False)
class Task:
    """`tell(op, body, **fields)` sends to the client that asked. `wake` is set while a worker has the
    task."""

    name: str
    args: Mapping[str, Any]
    body: bytes
    lane: str
    seconds: float
    tell: Callable[..., None]
    cancelled: bool = False
    finished: bool = False
    was_queued: bool = False
    wake: Callable[[], None] | None = None
    models: list[bytes] = field(default_factory=list)
    _progress: dict[str, Any] | None = None
    _told_at: float = 0.0

    @property
    def trace(self) -> tuple[str, list[Any]]:
        """Model and steps, for routing; ("", []) for a job without a trace. Nothing here is validated."""
        trace = self.args.get("trace")
        if not isinstance(trace, Mapping):
            return "", []
        steps = trace.get("steps")
        return str(trace.get("model", "")), steps if isinstance(steps, list) else []

    def queued(self, position: int) -> None:
        """Tells the client its place in the queue: 1 is next."""
        self.was_queued = True
        self.tell("progress", stage="queued", fraction=0.0, position=position)

    def started(self) -> None:
        """Tells a client that waited that the wait is over."""
        if self.was_queued:
            self.tell("progress", stage="started", fraction=0.0, position=None)

    def progress(self, stage: str, fraction: float, detail: str = "") -> None:
        """Tells the client how far the job is, or later, if it was told just now: the latest news only."""
        self._progress = {"stage": stage, "fraction": fraction, "position": None}
        if detail:
            self._progress["detail"] = detail
        self.flush_progress()

    def flush_progress(self) -> float | None:
        """Sends what `progress` held back; seconds until there is something to send, or None."""
        if self._progress is None:
            return None
        wait = self._told_at + _PROGRESS_EVERY - time.monotonic()
        if wait > 0:
            return wait
        self._told_at = time.monotonic()
        told, self._progress = self._progress, None
        self.tell("progress", **told)
        return None

    def finish(self, op: str, body: bytes) -> None:
        """The one answer (``result`` or ``error``); a second one is dropped."""
        if not self.finished:
            self.finished = True
            self.tell(op, body)

    def fail(self, error: MlcError) -> None:
        self.finish("error", protocol.dumps(error.to_json()))

    def give_model(self, message: bytes) -> None:
        """A message with a model's bytes (or why there are none), for the worker that asked."""
        self.models.append(message)
        self._nudge()

    def cancel(self) -> None:
        self.cancelled = True
        self._nudge()

    def _nudge(self) -> None:
        wake = self.wake
        if wake is not None:
            wake()
