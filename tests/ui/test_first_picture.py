"""The page's HTML draws the graph before it starts Streamlit, where a link says which."""

import asyncio
import json
import re
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from mlc_explorer.schema.trace import Trace, pack
from mlc_explorer.session import Session
from mlc_explorer.ui import answers, blobs, views
from mlc_explorer.ui.first_picture import FirstPicture

HTML = '<head><script type="module" crossorigin src="./static/js/index.Ab-12.js"></script></head>'
MLP = pack({"trace": Trace("mlp").to_json(), "cursor": 0, "selection": {}})


def page(request):
    seen = {"accept-encoding", "if-none-match"} & set(request.headers)
    return HTMLResponse(HTML, headers={"ETag": '"1"', "X-Seen": ",".join(sorted(seen))})


APP = FirstPicture(Starlette(routes=[Route("/", page), Route("/other", lambda _: PlainTextResponse(HTML))]))


def get(address: str, **headers: str) -> tuple[str, Headers]:
    """The body and headers of the answer to a GET."""
    parts = urlsplit(address)
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    query = parts.query.encode()
    scope = {"type": "http", "method": "GET", "path": parts.path, "query_string": query, "headers": raw}
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    asyncio.run(APP(scope, receive, send))
    return b"".join(m.get("body", b"") for m in sent).decode(), Headers(raw=sent[0]["headers"])


def script(html: str) -> dict[str, object]:
    """What the script hands to `firstPicture`."""
    return json.loads(re.search(r"firstPicture\((.*)\)\)\.catch", html)[1])


@pytest.mark.parametrize("path", ["/", "/other", "/other?w=x", "/?w=nonsense", "/?lang=zh"])
def test_pages_without_a_readable_link_are_streamlits_own(path):
    assert get(path)[0] == HTML


def test_a_link_puts_the_picture_before_streamlit():
    html, headers = get(f"/?w={MLP}", if_none_match='"1"', accept_encoding="gzip")
    assert headers["x-seen"] == ""  # the whole page, as it is in the file
    assert headers["cache-control"] == "no-store" and "etag" not in headers
    assert int(headers["content-length"]) == len(html.encode())
    assert html.count("./static/js/index.Ab-12.js") == 1 and "crossorigin src" not in html
    data = script(html)
    assert data["token"] == answers.token(Session.from_link(MLP), "cpu", "en")
    assert re.fullmatch("#[0-9a-f]{6}", data["colours"]["dark"]["background-color"])
    [bundle] = re.findall(r"\./blob/([0-9a-f]{64})", html)
    assert b"firstPicture" in blobs.get(bundle)


def test_streamlit_waits_only_for_a_graph_that_is_at_hand(monkeypatch):
    monkeypatch.setattr(views, "known", lambda asked: None)
    html = get(f"/?w={MLP}")[0]
    assert script(html)["graph"] is None and "if (0)" in html
    known = {"state": b'{"entry": "main"}', "graph": b'{"nodes": [{"label": "</script><b>"}]}'}
    monkeypatch.setattr(views, "known", lambda asked: known[asked.job])
    html = get(f"/?w={MLP}")[0]
    assert script(html)["graph"] == json.loads(known["graph"])
    assert "if (400)" in html and "</script><b>" not in html


def test_the_token_speaks_the_visitors_language():
    for headers, query in (({"accept_language": "zh-CN,en"}, ""), ({}, "&lang=zh")):
        data = script(get(f"/?w={MLP}{query}", **headers)[0])
        assert data["token"] == answers.token(Session.from_link(MLP), "cpu", "zh")
