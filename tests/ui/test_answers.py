"""What the panes ask for themselves: for whoever holds a token, and nobody else."""

import asyncio
import gzip
import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from mlc_explorer.errors import NotFound
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.session import Session
from mlc_explorer.ui import answers, views

LEGAL = Session(Trace("mlp", (Step("LegalizeOps"),)), 1)
SLOW = Session(Trace("matmul_1024"), 0)


def ask(token: str, view: str, function: str | None = None, gone: bool = False, **args: Any) -> Response:
    query = f"function={function}&args={json.dumps(args)}" if function else ""
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"accept-encoding", b"gzip")],
        "query_string": query.encode(),
        "path_params": {"token": token, "view": view},
    }

    async def receive() -> dict[str, Any]:
        if not gone:
            await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    return asyncio.run(answers._answer(Request(scope, receive)))


def data(answer: Response) -> Any:
    body = answer.body if "content-encoding" not in answer.headers else gzip.decompress(answer.body)
    return json.loads(body)


@pytest.fixture
def token() -> str:
    return answers.token(LEGAL, "cpu", "en")


def test_tokens_of_a_whole_history_are_those_of_its_states() -> None:
    steps = (Step("LegalizeOps"), Step("FuseOps"), Step("FuseTIR"))
    session = Session(Trace("mlp", steps), 1)
    alone = [answers.token(session.goto(n), "cpu", "en") for n in range(4)]
    assert answers.tokens(session, range(4), "cpu", "en") == alone
    assert len({*alone, *answers.tokens(session, range(4), "cpu", "zh")}) == 8


def test_a_state_tells_its_functions_and_what_its_steps_did(token: str):
    info = data(ask(token, "state"))
    assert info["entry"] == "main" and "matmul" in {f["name"] for f in info["functions"]}
    assert "main" in info["steps"][0]["changed"]


def test_program_is_the_text_at_the_functions_own_level(token: str):
    assert data(ask(token, "program", "matmul"))["level"] == "tir"
    assert data(ask(token, "program", "main"))["level"] == "relax"
    assert [n["path"] for n in data(ask(token, "loops", "matmul"))["roots"]] == ["matmul/i0"]
    assert data(ask(token, "asm", "matmul"))["links"]


def test_two_states_are_compared_by_their_tokens_and_of_two_models_if_need_be(token: str):
    bare = answers.token(Session(Trace("mlp"), 0), "cpu", "en")
    assert "relu" in "".join(data(ask(token, "diff", "main", base=bare))["before"])
    other = data(ask(answers.token(SLOW, "cpu", "en"), "diff", "main", base=token, base_function="matmul"))
    assert "def matmul(" in "".join(other["before"]) and "def main(" in "".join(other["after"])
    assert ask(token, "diff", "main", base="0" * 64).status_code == 404
    assert ask(token, "diff", "main", base={"model": "mlp"}).status_code == 404  # a trace is no token


def test_an_answer_is_kept_by_the_browser_and_packed(token: str):
    answer = ask(token, "program", "matmul")
    assert "immutable" in answer.headers["cache-control"]
    assert ask(token, "asm", "matmul").headers["content-encoding"] == "gzip"


def test_a_token_can_be_had_from_the_page_only(token: str):
    assert ask("0" * 64, "program", "matmul").status_code == 404
    assert token == answers.token(LEGAL, "cpu", "en")
    assert token != answers.token(LEGAL, "generic", "en")


REFUSED = [("program", "nothing"), ("wasm", "matmul"), ("loops", "main")]


@pytest.mark.parametrize(("view", "function"), REFUSED)
def test_a_refusal_says_what_and_what_to_do_in_the_persons_language(view: str, function: str):
    answer = ask(answers.token(LEGAL, "cpu", "zh"), view, function)
    assert answer.status_code == 409 and answer.headers["cache-control"] == "no-store"
    told = data(answer)
    assert told["message"] and told["hint"]
    if view == "wasm":
        assert "没有层次" in told["message"]


def test_only_arguments_that_the_view_takes_reach_the_engine():
    with pytest.raises(NotFound):
        views.question(LEGAL, "measure", "matmul", "cpu")
    asked = views.question(LEGAL, "loops", "matmul", "cpu", {"trace": {}, "open": ["x"]})
    assert json.loads(asked.args) == {"function": "matmul"}


def test_a_browser_that_hangs_up_ends_the_job():
    answer = ask(answers.token(SLOW, "cpu", "en"), "motion", "main", gone=True, block="matmul")
    again = ask(answers.token(SLOW, "cpu", "en"), "motion", "main", block="matmul")
    assert answer.status_code in (200, 409)  # it was quicker, or it was cancelled
    assert again.status_code == 200
