"""Imported once, by the fork server, so that every worker begins with TVM and the engine in its memory."""

import gc

from .child import load_engine

load_engine()
gc.collect()
gc.freeze()  # a collection in a worker would touch, and so copy, every page of what was imported here
