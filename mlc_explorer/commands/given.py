"""What a person gives to a command: a model, a trace, steps as JSON, a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import BadTrace
from ..schema.trace import Trace
from ..session import Session

Answer = tuple[Any, Callable[[Any], str]]


def workspace(args: argparse.Namespace) -> Session:
    """The model that was named, after the trace that was given. The named model counts, not the trace's own:
    so a trace can be tried on another model."""
    session = Session.open(args.model)
    if args.trace is None:
        return session
    trace = Trace.loads(read(args.trace))
    return session.apply_steps(trace.steps)


def read(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise BadTrace(
            f"The trace '{name}' can't be read: {e}.",
            hint="Give the path of a JSON file, or - for standard input.",
            place="--trace",
            code="trace_bad",
            params={"reason": str(e)},
        ) from e


def json_of(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as e:
        raise BadTrace(
            f"{place} is not JSON: {e}.",
            hint='Write a step as in a trace: {"transform": "LegalizeOps", "params": {}}.',
            place=place,
            code="trace_bad",
            params={"reason": str(e)},
        ) from e
