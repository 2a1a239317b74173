"""The panes that the browser asks for itself: the same as the rerun brings, for whoever holds a token."""

import asyncio
import json

from starlette.requests import Request
from starlette.responses import Response

from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.session import Session
from mlc_explorer.ui import ahead, views

LEGAL = Session(Trace("mlp", (Step("LegalizeOps"),)), 1)


def ask(token: str, function: str) -> Response:
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [],
        "path_params": {"token": token, "function": function},
    }
    return asyncio.run(ahead._answer(Request(scope)))


def test_a_function_comes_with_text_loops_and_their_digests():
    found = json.loads(ask(ahead.token(LEGAL, None, "cpu"), "matmul").body)
    assert found["level"] == "tir" and found["levels"] == list(views.LEVELS)
    assert found["text"]["inline"]["lines"][1].startswith("def matmul(")
    assert [n["path"] for n in found["loops"]["inline"]["roots"]] == ["matmul/i0"]
    assert found["text"]["inline"] == json.loads(views.payload(LEGAL, "text", "matmul", "tir"))
    assert found["diff"] is None  # it is new at this step


def test_a_graph_function_comes_as_relax_without_loops():
    found = json.loads(ask(ahead.token(LEGAL, "asm", "cpu"), "main").body)
    assert found["level"] == "relax" and found["loops"] is None
    assert found["diff"]["inline"]["rows"]


def test_a_token_can_be_had_from_the_page_only():
    assert ask("0" * 64, "matmul").status_code == 404
    token = ahead.token(LEGAL, None, "cpu")
    assert token != ahead.token(LEGAL, "asm", "cpu")
    assert token == ahead.token(LEGAL, None, "cpu")


def test_what_can_not_be_shown_is_left_to_the_rerun():
    answer = ask(ahead.token(LEGAL, None, "cpu"), "nothing")
    assert answer.status_code == 409 and answer.headers["cache-control"] == "no-store"
