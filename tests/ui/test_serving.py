"""Quick answers, a closed door, and nothing sent anywhere."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap

import pytest
from streamlit import net_util
from streamlit.web.server.server_util import is_url_from_allowed_origins

from mlc_explorer.ui import serving


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv(serving.HOST_SETTING, raising=False)
    monkeypatch.delenv(serving.PORT_SETTING, raising=False)
    return monkeypatch


def test_nothing_set_leaves_the_closed_address_of_the_config_file(environment):
    assert serving.run_config() == {}


def test_one_setting_opens_the_app_and_names_the_address_to_show(environment):
    environment.setenv(serving.HOST_SETTING, "192.0.2.7")
    assert serving.run_config() == {"server.address": "192.0.2.7", "browser.serverAddress": "192.0.2.7"}


def test_all_interfaces_show_the_one_address_that_others_can_type(environment):
    environment.setenv(serving.HOST_SETTING, "0.0.0.0")
    environment.setattr(net_util, "get_internal_ip", lambda: "192.0.2.8")
    assert serving.run_config() == {"server.address": "0.0.0.0", "browser.serverAddress": "192.0.2.8"}


def test_the_port_is_a_number(environment):
    environment.setenv(serving.PORT_SETTING, "8502")
    assert serving.run_config() == {"server.port": 8502}


def test_an_unknown_origin_is_refused_without_asking_the_web(environment):
    environment.setattr(net_util, "get_external_ip", net_util.get_external_ip)  # put back afterwards
    environment.setattr(net_util, "_make_blocking_http_get", lambda *_, **__: pytest.fail("asked the web"))
    serving.never_ask_for_the_public_address()
    assert not is_url_from_allowed_origins("http://elsewhere.example")


def test_connections_send_at_once_whether_they_came_before_or_after():
    with socket.socket() as listener:  # proto 0, as Streamlit binds it
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as early:
            assert not early.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert serving.send_small_messages_at_once() >= 2
            assert early.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as late:
            assert late.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_one_thread_collects_and_never_walks_through_what_was_imported():
    script = """
        import gc, threading, time, weakref
        from mlc_explorer.ui import serving
        serving.COLLECT_EVERY_S = 0.05
        assert [serving.start_collecting(), serving.start_collecting()] == [True, False]
        assert [t.name for t in threading.enumerate()].count("collector") == 1
        gc.disable()

        class Cycle:
            def __init__(self):
                self.me = self

        while not gc.get_freeze_count():
            time.sleep(0.05)
        assert gc.get_freeze_count() > 100_000
        gone = weakref.ref(Cycle())
        deadline = time.monotonic() + 10
        while gone() is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert gone() is None
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
