"""Every way of starting the app serves the same app: at once, on this machine only, with its own routes."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.browser import launch

WAYS = {
    "make run": ["app.py"],
    "streamlit run": ["-m", "streamlit", "run", "app.py", "--server.port", "0"],
    "uvicorn": ["-m", "uvicorn", "app:app", "--port", "0"],
}


@pytest.fixture(scope="module", params=WAYS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with launch.serve(tmp_path_factory.mktemp("starting"), command=WAYS[request.param]) as url:
        yield url


def test_it_listens_on_this_machine_only(url: str) -> None:
    assert urlsplit(url).hostname == "127.0.0.1"


def test_the_page_and_its_fonts_are_there(url: str) -> None:
    for path in ("/", "/app/static/fonts/inter.woff2"):
        with urlopen(url + path) as answer:
            assert answer.status == 200


def test_payloads_have_their_route(url: str) -> None:
    """Without it, Streamlit would answer any unknown address with its page."""
    with pytest.raises(HTTPError, match="404"):
        urlopen(url + "/blob/" + "0" * 64)


def test_a_small_message_is_answered_at_once(url: str) -> None:
    """Without TCP_NODELAY each of these takes 44 ms, and so does every message to the browser."""
    assert _health_ms(url) < 25


def _health_ms(url: str) -> float:
    """The median time of a request on one kept connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    times = []
    for _ in range(21):
        start = time.perf_counter()
        connection.request("GET", "/_stcore/health")
        assert connection.getresponse().read() == b"ok"
        times.append((time.perf_counter() - start) * 1e3)
    connection.close()
    return statistics.median(times)
