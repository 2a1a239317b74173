"""Which worker gets which task.

A click goes to the idle worker that has most of its state in its caches: the same model and the longest
common beginning of the trace. It never waits behind a busy worker while another is idle; where all are busy
it queues, and its client is told its place. A task leaves the queue only when a living worker takes it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from . import jobs, limits
from .settings import Settings
from .slot import Slot
from .task import Task


class Pool:
    """The slots of one lane and the tasks that wait for them."""

    def __init__(self, lane: str, settings: Settings, runtime: Path) -> None:
        interactive = lane == jobs.INTERACTIVE
        count = settings.workers if interactive else 1
        self._lock = threading.Lock()
        self._waiting: deque[Task] = deque()
        self.slots = [Slot(lane, not interactive, settings, runtime, self._next_task) for _ in range(count)]
        for slot in self.slots:
            slot.start()

    def submit(self, task: Task) -> None:
        """Gives the task to a worker, or a place in the queue. The answer goes to `task.tell`."""
        with self._lock:
            idle = [s for s in self.slots if s.idle]
            if not idle:
                self._waiting.append(task)
                position = len(self._waiting)
            else:
                model, steps = task.trace
                # Between equals the one that was idle longest: the others' caches stay fresh.
                slot = max(idle, key=lambda s: (s.similarity(model, steps), -s.used_at))
                slot.idle, slot.assigned = False, task
                slot.wake()
                return
        task.queued(position)

    def cancel(self, task: Task) -> None:
        """Ends the task wherever it is."""
        with self._lock:
            waited = task in self._waiting
            if waited:
                self._waiting.remove(task)
        task.cancel()
        if waited:
            task.fail(limits.cancelled())
            self._tell_positions()

    def stop(self) -> None:
        """Ends the workers."""
        for slot in self.slots:
            slot.stop()

    def about(self) -> list[dict[str, Any]]:
        """One entry a worker: lane, pid (None while it is being replaced), whether it is busy, jobs
        served."""
        return [
            {
                "lane": s.lane, "pid": s.worker.pid if s.worker else None, "busy": not s.idle,
                "ready": bool(s.about), "served": s.served, "models": sorted({m for m, _ in list(s.traces)}),
            }
            for s in self.slots
        ]  # fmt: skip

    def _next_task(self, slot: Slot) -> Task | None:
        with self._lock:
            task, slot.assigned = slot.assigned, None
            if task is None and self._waiting:
                task = self._waiting.popleft()
            slot.idle = task is None
            slot.used_at = time.monotonic()
        self._tell_positions()
        return task

    def _tell_positions(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for position, task in enumerate(waiting, 1):
            task.queued(position)
