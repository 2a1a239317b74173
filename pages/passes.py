"""The passes page: layout only. A whole pipeline, pass by pass, run on the workspace as it is."""

from mlc_explorer.ui import language as _language
from mlc_explorer.ui import passes, style, toolbar, workspace

language = _language.current()
style.apply()
toolbar.open_chosen(language)
passes.leave_if_asked()

toolbar.show(workspace.current(), language, other="explore")
passes.show(language)
