"""A tuning in the background, for a screen that looks at it now and then."""

from __future__ import annotations

import threading
import traceback
from typing import Self

from ..errors import MlcError
from ..schema.trace import Trace
from ..schema.tuning import MINUTES, TRIALS, Heard, Tuning
from ..store import Store
from ..workers.client import Engine
from ..workers.limits import failed
from .tuner import Budget, Tuner
from .work import Bench


class TuningRun:
    """One run in a thread of its own. Everything may be asked from any thread, at any time."""

    def __init__(self, tuner: Tuner) -> None:
        self.result: Tuning | None = None  # when it is over, also if it was cancelled
        self.error: MlcError | None = None  # why there is no result
        self._tuner = tuner
        self._thread = threading.Thread(target=self._run, name="tuning", daemon=True)

    @classmethod
    def start(
        cls,
        engine: Engine,
        store: Store | None,
        trace: Trace,
        function: str | None,
        target: str = "cpu",
        trials: int = TRIALS,
        minutes: float | None = MINUTES,
        around: bool = False,
        seed: int = 0,
        bench: Bench | None = None,
    ) -> Self:
        """Begins to tune `function` (None: the model) as it is after `trace`; returns at once. `bench`: where
        candidates are timed, unless it is here."""
        budget = Budget(trials, minutes, around, seed)
        run = cls(Tuner(engine, trace, function, target, budget, store, bench))
        run._thread.start()
        return run

    @property
    def active(self) -> bool:
        """Whether it goes on; a cancelled one does for a moment."""
        return self._thread.is_alive()

    @property
    def heard(self) -> Heard:
        """How far it is."""
        return self._tuner.now()

    @property
    def so_far(self) -> Tuning:
        """The whole of it: every candidate yet, and, once it is over, the result."""
        return self._tuner.so_far

    def cancel(self) -> None:
        """Ends it; `result` then has the best so far."""
        self._tuner.cancel()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for the end; whether it came."""
        self._thread.join(seconds)
        return not self.active

    def _run(self) -> None:
        try:
            self.result = self._tuner.run()
        except MlcError as e:
            self.error = e
        except Exception as e:  # a thread that dies in silence leaves a page waiting
            self.error = failed(str(e)[:300] or type(e).__name__, traceback.format_exc()[-4000:])
