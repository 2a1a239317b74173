"""Tuning: schedules are proposed, built, checked and timed, and what was learned leads to the next ones.

Nothing here keeps a search between two calls. `plan` says what there is to tune, `propose` gives the next
candidates from all that is known so far, and `trial` measures one of them: three jobs of their own, so that a
candidate that crashes or hangs ends one process and nothing else, and the search goes on, or is cancelled,
between any two of them. `mlc_explorer/tuning` is the loop around them.

MetaSchedule's own loop is not used: its builders and runners are processes that import all of TVM's tensor
intrinsics, half a minute each, and a confined worker may start none.
"""
