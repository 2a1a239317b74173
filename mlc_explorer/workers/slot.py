"""A place for one worker, and the thread that owns it: starts it, serves it tasks, ends and replaces it.

Whatever happens to a task (an answer, its time or memory used up, a death, garbage, a cancel) is decided
here, and the slot goes on with a new worker. A slot of a lane takes a fresh worker for every task; the next
one is forked at once, so that it stands ready when the next task comes.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import MlcError
from . import limits, protocol
from .protocol import Garbage
from .settings import Settings
from .task import Task
from .worker import Worker

_START_SECONDS = 60.0  # the first worker waits for the fork server to import TVM
_RETRY_SECONDS = 1.0
_TRACES_KEPT = 16

_DETAIL_LIMIT = 1 << 15  # characters


class Slot:
    """`next_task(slot)` gives it its next task, or None and marks it idle; `wake()` has it ask again. A
    `fresh` slot takes a new worker for every task."""

    def __init__(
        self,
        lane: str,
        fresh: bool,
        settings: Settings,
        runtime: Path,
        next_task: Callable[[Slot], Task | None],
    ) -> None:
        self.lane = lane
        self.idle = False
        self.assigned: Task | None = None
        self.traces: deque[tuple[str, list[Any]]] = deque(maxlen=_TRACES_KEPT)
        self.used_at = 0.0
        self.served = 0
        self.about: dict[str, Any] = {}
        self.worker: Worker | None = None
        self._fresh, self._settings, self._runtime, self._next_task = fresh, settings, runtime, next_task
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._loop, name=f"slot-{lane}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends thread and worker."""
        self._stopping = True
        self.wake()
        self._thread.join(5.0)

    def wake(self) -> None:
        """Has the thread look around; safe from any thread."""
        with suppress(BlockingIOError):  # it is full of reasons to wake already
            os.write(self._wake_write, b"\0")

    def similarity(self, model: str, steps: list[Any]) -> int:
        """How much of this state the worker has in its caches: 0 nothing, 1 the model, 1+n its first n
        steps."""
        return max((1 + _common(steps, other) for name, other in self.traces if name == model), default=0)

    def _loop(self) -> None:
        while not self._stopping:
            if self.worker is None:
                self._start()
                continue  # the start may have swallowed the wake-up of `stop`
            task = self._next_task(self)
            if task is not None:
                self._serve(task)
                continue
            self._idle_once(self.worker)
        self._discard()

    def _idle_once(self, worker: Worker) -> None:
        try:
            worker.wait(None, self._wake_read)
        except Garbage:
            worker.alive = False
        if not worker.alive:
            self._discard()

    def _start(self) -> None:
        """Gets a worker that says it is ready. Where none can be had, the tasks that wait are told why."""
        try:
            self.worker = Worker(self._settings, self._runtime, draws_graphs=not self._fresh)
            self._await_ready(self.worker)
            return
        except (MlcError, Garbage, OSError, EOFError) as e:
            error = e if isinstance(e, MlcError) else limits.failed(f"no worker can be started: {e}", "")
        self._discard()
        if self._stopping:
            return
        while (task := self._next_task(self)) is not None:
            task.fail(error)
        time.sleep(_RETRY_SECONDS)

    def _await_ready(self, worker: Worker) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._stopping and time.monotonic() < deadline:
            for message in worker.wait(deadline - time.monotonic(), self._wake_read):
                header, _ = protocol.unpack(message)
                if header["op"] == "ready":
                    self.about = {k: v for k, v in header.items() if k != "op"}
                    return
                if header["op"] == "refused":
                    raise limits.failed(str(header.get("reason")), "")
            if not worker.alive:
                raise limits.death(worker.exitcode, bytes(worker.stderr), self._settings.memory_mib, False)
        raise limits.timed_out(_START_SECONDS)

    def _serve(self, task: Task) -> None:
        worker = self.worker
        assert worker is not None
        if task.cancelled:
            task.fail(limits.cancelled())
            return
        worker.stderr.clear()
        kills = limits.kernel_kills()
        task.wake = self.wake
        task.started()
        worker.send(protocol.pack("job", task.body, name=task.name))
        keep = False
        try:
            keep = self._follow(task, worker)
            if not worker.alive and not task.finished:
                by_kernel = limits.kernel_kills() > kills
                raise limits.death(
                    worker.exitcode, bytes(worker.stderr), self._settings.memory_mib, by_kernel
                )
        except Garbage as e:
            task.fail(limits.garbage(str(e), bytes(worker.stderr)))
        except MlcError as e:
            task.fail(e)
        finally:
            task.wake = None
        self.served += 1
        if not keep or self._fresh:
            self._discard()
        elif task.trace[0]:
            self.traces.append(task.trace)

    def _follow(self, task: Task, worker: Worker) -> bool:
        """Passes messages until the task is answered; whether the worker may stay. Raises what ended it."""
        deadline = time.monotonic() + task.seconds
        while worker.alive and not self._stopping:
            if task.cancelled:
                raise limits.cancelled()
            now = time.monotonic()
            if now >= deadline:
                raise limits.timed_out(task.seconds)
            soon = task.flush_progress()
            for message in worker.wait(min(deadline - now, soon or deadline - now), self._wake_read):
                header, body = protocol.unpack(message)
                if header["op"] in ("result", "error"):
                    task.finish(header["op"], body)
                    return worker.alive and not header.get("retire")
                _pass_on(task, header)
            while task.models:
                worker.send(task.models.pop(0))
        return False

    def _discard(self) -> None:
        self.traces.clear()
        self.about = {}
        if self.worker is not None:
            self.worker.end()
            self.worker = None


def _pass_on(task: Task, header: dict[str, Any]) -> None:
    """Progress and requests for models, checked: what comes from a worker is only as good as its types."""
    try:
        if header["op"] == "progress":
            fraction = min(1.0, max(0.0, float(header["fraction"])))
            task.progress(str(header["stage"])[:80], fraction, str(header.get("detail", ""))[:_DETAIL_LIMIT])
        elif header["op"] == "need":
            if header["digest"] != task.trace[0]:
                raise Garbage("it asked for a model that is not the task's")  # and may be another person's
            task.tell("need", digest=header["digest"])
    except (KeyError, TypeError, ValueError) as e:
        raise Garbage(f"a message with wrong fields: {header}") from e


def _common(steps: list[Any], others: list[Any]) -> int:
    """How many steps two traces share; a trace that goes on differently is worth less than a prefix."""
    count = 0
    for mine, other in zip(steps, others):
        if mine != other:
            break
        count += 1
    return count
