"""The loop of a tuning, in the process that asks for it: a command line's, a script's, the screen's.

Standard library only. What looks at functions and runs code is a job of the engine (`engine/tuning`).
"""

from .race import Race
from .run import TuningRun
from .tuner import Bench, Budget, Tuner

__all__ = ["Bench", "Budget", "Race", "Tuner", "TuningRun"]
