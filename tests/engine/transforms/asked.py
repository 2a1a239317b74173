"""Which transforms the tests put to `check` or `refuse`, read from what is passed to those fixtures.

Read and not recorded, so that the answer is the same whichever tests run. The step is the last argument of
the call; a call that passes the fixture on puts all its arguments to it. What a step is made from is
followed: local variables and loops, the test's parametrization, helper functions and tables of the file.
"""

import ast
import functools
from pathlib import Path

from mlc_explorer.engine.transforms import catalogue

FOLDERS = (Path(__file__).parent, Path(__file__).parents[1] / "recipes")


@functools.cache
def asked_of(fixture: str) -> frozenset[str]:
    """The names of transforms that some test hands to `fixture`."""
    found: set[str] = set()
    for file in sorted(f for folder in FOLDERS for f in folder.glob("test_*.py")):
        if file.name != "test_catalogue.py":
            found |= _File(ast.parse(file.read_text(encoding="utf-8"))).asked_of(fixture)
    return frozenset(found & set(catalogue.TRANSFORMS))


class _File:
    def __init__(self, tree: ast.Module) -> None:
        self.functions = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        self.tables = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def asked_of(self, fixture: str) -> set[str]:
        found: set[str] = set()
        for function in self.functions.values():
            for call in ast.walk(function):
                for asked in _asked(call, fixture):
                    found |= self.texts(asked, function, {(fixture, function.name)})
        return found

    def texts(self, node: ast.AST, within: ast.FunctionDef, seen: set[tuple[str, str]]) -> set[str]:
        """The texts from which `node` is made, inside of the function `within`. `seen` grows by the names
        that were followed, each once in a function."""
        found: set[str] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                found.add(part.value)
            elif isinstance(part, ast.Name) and (part.id, within.name) not in seen:
                seen.add((part.id, within.name))
                for origin, where in self._origins(part.id, within):
                    found |= self.texts(origin, where, seen)
        return found

    def _origins(self, name: str, within: ast.FunctionDef) -> list[tuple[ast.AST, ast.FunctionDef]]:
        found: list[tuple[ast.AST, ast.FunctionDef]] = []
        for node in ast.walk(within):
            if isinstance(node, ast.Assign) and any(name in _names(target) for target in node.targets):
                found.append((node.value, within))
            elif isinstance(node, (ast.For, ast.comprehension)) and name in _names(node.target):
                found.append((node.iter, within))
        if name in {argument.arg for argument in within.args.args}:
            found += [(decorator, within) for decorator in within.decorator_list]
        if name in self.functions:
            found += [(line, self.functions[name]) for line in self.functions[name].body]
        elif name in self.tables:
            found.append((self.tables[name], within))
        return found


def _asked(node: ast.AST, fixture: str) -> list[ast.expr]:
    """What a call hands to the fixture."""
    if not isinstance(node, ast.Call):
        return []
    if isinstance(node.func, ast.Name) and node.func.id == fixture:
        return node.args[-1:]
    is_passed_on = any(isinstance(argument, ast.Name) and argument.id == fixture for argument in node.args)
    return node.args if is_passed_on else []


def _names(target: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
