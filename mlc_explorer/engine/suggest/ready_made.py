"""Rules that somebody else wrote: dlight's, for the whole function at once."""

from __future__ import annotations

from .plan import Plan
from .sight import Sight


def reduction_rule(sight: Sight) -> Plan | None:
    """dlight's rule for reductions, told how wide the machine's vectors are."""
    return _rule(sight, "cpu_reduction")


def gemv_rule(sight: Sight) -> Plan | None:
    """dlight's rule for products of a matrix and a vector."""
    return _rule(sight, "cpu_gemv")


def _rule(sight: Sight, name: str) -> Plan | None:
    if not any(block.node.init is not None for block in sight.scope.blocks):
        return None
    bits = 8 * sight.machine.vector_bytes
    draft = sight.draft()
    draft.do(name, target_cpu=f"cpu_{bits}")
    return Plan(draft, {"bits": bits})
