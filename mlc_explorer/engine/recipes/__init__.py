"""Recipes: how a function, and a whole model, becomes fast by rule, without tuning.

One file a pattern. To add one: a subclass of `base.Recipe` in a file of its own, a line in `choosing.py` and
in the catalogue's families, its texts, a test.
"""
