"""MLC Explorer without a screen: open a model, transform it, look, measure.

>>> from mlc_explorer import Session
>>> s = Session.open("mlp").apply("LegalizeOps")
>>> s = s.apply("split", function="matmul", loop="matmul/k", factors=[None, 8])
>>> s.measure(target="cpu").median_ms          # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import MlcError, Refused
from .schema.trace import Step, Trace

if TYPE_CHECKING:
    from .session import Session

__version__ = "0.1.0"
__all__ = ["MlcError", "Refused", "Session", "Step", "Trace", "__version__"]


def __getattr__(name: str) -> Any:
    # Session is imported when asked for: a worker imports this package too and needs no client or store.
    if name == "Session":
        from .session import Session

        return Session
    raise AttributeError(name)
