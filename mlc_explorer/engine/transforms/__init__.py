"""Transforms: one file a family, each transform declared once (docs/architecture.md, decision 3).

`catalogue` lists them, `apply_step` applies one to a module, `step_source` says the same in plain TVM Python.
To add one: a frozen dataclass in its family's file, a line in the catalogue, its texts, a test.
"""

from .apply import Applied, apply_step, carried_by, step_source

__all__ = ["Applied", "apply_step", "carried_by", "step_source"]
