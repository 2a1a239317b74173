"""The one place where an error becomes something to read.

An `MlcError` is something we meant to say: message and hint in the person's language, TVM's own
words folded below. Anything else is our mistake: an apology, the traceback folded, and two ways on.
Streamlit calls `show` for errors in callbacks and fragments (`st.App(on_script_error=…)`), and
`guard` catches the expected ones of a page's run, which are no reason for a traceback in the log.
"""

from __future__ import annotations

import contextlib
import html
import traceback
from collections.abc import Iterator

import streamlit as st

from mlc_explorer.errors import MlcError
from mlc_explorer.texts import say, say_error
from mlc_explorer.ui import language

_LINK = '<a href="{}" target="_self" style="color: var(--st-link-color); margin-right: 1.2em">{}</a>'


@contextlib.contextmanager
def guard() -> Iterator[None]:
    """Show an `MlcError` that leaves the block; other errors go on to Streamlit, and so to `show`."""
    try:
        yield
    except MlcError as error:
        show(error)


def show(error: Exception) -> bool:
    """Put the error on the page; True tells Streamlit that nothing is left to show."""
    spoken = language.current()
    if isinstance(error, MlcError):
        _expected(error, spoken)
    else:
        _unexpected(error, spoken)
    return True


def message_and_hint(error: MlcError, spoken: str) -> tuple[str, str]:
    """The error's two texts in a language; its own English ones where the texts have none.

    The texts are `errors.<code>.message` and `errors.<code>.hint`, filled from `error.params`.
    """
    message = say_error("message", error.message, error.code, error.params, spoken)
    return message or type(error).__name__, say_error("hint", error.hint, error.code, error.params, spoken)


def _expected(error: MlcError, spoken: str) -> None:
    message, hint = message_and_hint(error, spoken)
    with st.container(key="mlc-error"):
        st.error(f"**{plain(message)}**" + (f"\n\n{plain(hint)}" if hint else ""), icon=":material/error:")
        if error.detail:
            with st.expander(say("boundary.detail", spoken)):
                st.code(error.detail, language=None, wrap_lines=True)
        _ways_on(spoken)


def _unexpected(error: Exception, spoken: str) -> None:
    with st.container(key="mlc-error"):
        sorry, hint = say("boundary.sorry", spoken), say("boundary.sorry_hint", spoken)
        st.error(f"**{sorry}**\n\n{hint}", icon=":material/error:")
        with st.expander(say("boundary.detail", spoken)):
            st.code("".join(traceback.format_exception(error)), language=None, wrap_lines=True)
        _ways_on(spoken)


def _ways_on(spoken: str) -> None:
    """Plain links: they work whatever state the session is in.

    An empty address is this page with its query, so the trace in the link is kept; `?` drops it.
    """
    links = {"": "try_again", "?": "start_over"}
    st.html(
        "".join(_LINK.format(to, html.escape(say(f"boundary.{key}", spoken))) for to, key in links.items())
    )


def plain(text: str) -> str:
    """Text that may hold names from a model, so that Markdown shows it as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+-!|~$:" else letter for letter in text)
