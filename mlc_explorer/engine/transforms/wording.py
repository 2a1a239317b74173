"""Errors of transforms take their English words from the texts, so that each sentence stands in one place."""

from __future__ import annotations

from typing import Any

from ...texts import say


def words(code: str, /, **params: Any) -> dict[str, Any]:
    """`message`, `hint`, `code` and `params` of an error, from ``errors.<code>`` in the texts."""
    return {
        "message": say(f"errors.{code}.message", "en", **params),
        "hint": say(f"errors.{code}.hint", "en", **params),
        "code": code,
        "params": params,
    }
