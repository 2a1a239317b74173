"""The loop of a tuning, in the process that asks for it: a command line's, a script's, the screen's.

Standard library only. What looks at functions and runs code is a job of the engine (`engine/tuning`).
"""

from .elsewhere import Elsewhere
from .run import TuningRun
from .tuner import Budget, Tuner

__all__ = ["Budget", "Elsewhere", "Tuner", "TuningRun"]
