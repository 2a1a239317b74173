"""Big graphs fold by structure: by the file's scopes, by blocks that repeat, by fused functions."""

import hashlib
import importlib.util
from pathlib import Path

import pytest
from onnx import helper

from mlc_explorer.engine import loaders, service
from mlc_explorer.engine.views import opened
from mlc_explorer.engine.views.graph import graph, grouped
from mlc_explorer.engine.views.groups import MOST_MEMBERS, Scope
from mlc_explorer.engine.views.repeats import Repeat, repeats
from mlc_explorer.engine.views.search import MOST, search
from tests.big_models import chain, model

LIGHT = Path(importlib.util.find_spec("onnx").origin).parent / "backend/test/data/light"
SCOPED = ("LegalizeOps",)
FUSED = ("LegalizeOps", "AnnotateTIROpPattern", "FuseOps")


def residual_network() -> bytes:
    """As PyTorch exports names: four layers of two blocks each, then a head."""
    nodes, before = [], "x"
    for layer in range(1, 5):
        for block in range(2):
            scope, skip = f"/layer{layer}/layer{layer}.{block}", before
            for part in ("act1", "act2"):
                nodes.append(
                    helper.make_node("Relu", [before], [f"{scope}/{part}"], name=f"{scope}/{part}/Relu")
                )
                before = f"{scope}/{part}"
            nodes.append(helper.make_node("Add", [before, skip], [f"{scope}/sum"], name=f"{scope}/Add"))
            before = f"{scope}/sum"
    nodes.append(helper.make_node("Relu", [before], ["y"], name="/head/Relu"))
    return model(nodes, "y")


def load(data: bytes):
    return loaders.load(f"sha256:{hashlib.sha256(data).hexdigest()}", data).mod


def ask(data: bytes, *steps: str, **args):
    """The job `graph`, after `steps`."""
    trace = {
        "version": 1,
        "model": f"sha256:{hashlib.sha256(data).hexdigest()}",
        "steps": [{"transform": name, "params": {}} for name in steps],
    }
    return service.graph(trace, lambda _: data, **args)


def ids(view) -> list[str]:
    return [node.id for node in view.nodes]


def outline(scope: Scope, depth: int = 0) -> str:
    """The groups as an indented list: label, members, calls. Of equals in a row the first stands for all."""
    lines, last = "", None
    for member in scope.members:
        if not isinstance(member, Scope):
            continue
        if member.signature != last:
            calls = sum(1 for _ in member.leaves())
            lines += f"{'  ' * depth}{member.label} [{len(member.members)} members, {calls} calls]\n"
            lines += outline(member, depth + 1)
        last = member.signature
    return lines


def covered(view) -> int:
    """How many calls the boxes stand for."""
    return sum(node.count or node.family not in ("input", "constant", "output") for node in view.nodes)


def test_densenet(golden):
    mod = load((LIGHT / "light_densenet121.onnx").read_bytes())
    golden("views/densenet121.groups.txt", outline(grouped(mod, "main", {})[1]))
    view = graph(mod, "main")
    assert opened.FEW <= len(view.nodes) <= opened.MANY
    assert covered(view) == covered(graph(mod, "main", ["*"]))


def test_resnet18(golden):
    mod = loaders.load("resnet18").mod
    golden("views/resnet18.groups.txt", outline(grouped(mod, "main", {})[1]))
    assert graph(mod, "main").groups == ()  # small enough to be shown whole
    assert len(graph(mod, "main", []).nodes) == 19


def test_a_chain_of_ten_thousand(golden):
    """No level of it shows more than a screen can bear, and every level can be opened."""
    mod = load(chain(10_000))
    golden("views/chain10000.groups.txt", outline(grouped(mod, "main", {})[1]))
    view = graph(mod, "main")
    assert opened.FEW <= len(view.nodes) <= opened.MANY
    assert covered(view) == 10_000
    assert view.total == 10_002
    way = [group.id for group in view.groups]
    for _ in range(2):  # a stretch of blocks, then a block
        way.append(next(node.id for node in view.nodes if node.count))
        view = graph(mod, "main", way)
        assert len(view.nodes) <= len(way) * MOST_MEMBERS
        assert covered(view) == 10_000
    assert view.nodes[1].count == 0
    shown = len(graph(mod, "main", ["*"]).nodes)
    assert shown <= opened.MOST + 2  # input and output besides


def test_scopes_of_the_file_are_groups_until_calls_are_others():
    data = residual_network()
    layers = [f"layer{n}" for n in range(1, 5)]
    for steps in ((), SCOPED):
        assert ids(ask(data, *steps, open=[])) == ["x", *layers, "gv", "out"]
    view = ask(data, open=["layer1"])
    assert ids(view)[1:3] == ["layer1/layer1.0", "layer1/layer1.1"]
    assert [(g.id, g.parent, g.count) for g in view.groups] == [("layer1", "", 6)]
    assert "layer1" not in ids(ask(data, *FUSED, open=[]))


def test_a_fused_function_opens_on_the_spot():
    data = residual_network()
    closed = ask(data, *FUSED)
    [call] = [node for node in closed.nodes if node.count]
    assert call.function.startswith("fused_")
    view = ask(data, *FUSED, open=["auto", call.id])
    assert [g.id for g in view.groups] == [call.id]
    assert covered(view) == call.count
    inner = [node for node in view.nodes if node.id.startswith(f"{call.id}/")]
    assert [node.op for node in inner[:3]] == ["relu", "relu", "add"]
    edges = {(edge.source, edge.target) for edge in view.edges}
    assert ("x", inner[0].id) in edges and (inner[-1].id, "out") in edges


def test_what_is_in_a_frame_lies_in_it_and_nothing_else_does():
    for plain in (False, True):
        view = graph(load(residual_network()), "main", ["*"], plain=plain)
        assert view.layout == ("layers" if plain else "dot")
        of = {}
        root = grouped(load(residual_network()), "main", {})[1]
        for scope in root.scopes():
            of[scope.id] = set(scope.leaves())
        for group in view.groups:
            for node in view.nodes:
                across, down = abs(node.x - group.x), abs(node.y - group.y)
                if node.id in of[group.id]:
                    assert across + node.w / 2 <= group.w / 2 and down + node.h / 2 <= group.h / 2
                else:
                    assert across >= group.w / 2 or down >= group.h / 2


def test_edges_of_a_closed_group_are_those_of_its_content():
    view = ask(residual_network(), open=[])
    edges = [(edge.source, edge.target) for edge in view.edges]
    assert edges == list(zip(ids(view), ids(view)[1:]))


def test_constants_go_with_their_only_user():
    mod = load((LIGHT / "light_densenet121.onnx").read_bytes())
    sketch, root = grouped(mod, "main", {})
    inside = {c for scope in root.scopes() if scope.id for c in scope.constants}
    users = {source: target for source, target in sketch.edges if source in inside}
    calls = {leaf for scope in root.scopes() if scope.id for leaf in scope.leaves()}
    assert set(users.values()) <= calls


def test_search_finds_what_is_closed_and_tells_the_way():
    mod = load(chain(10_000))
    found = search(mod, "main", "op:ADD")
    assert found.count == 2000 and len(found.matches) == MOST
    match = found.matches[-1]
    assert match.id in ids(graph(mod, "main", list(match.groups)))
    assert search(mod, "main", "shape:64 relu").count == 8000
    assert [m.id for m in search(mod, "main", "id:lv123").matches] == ["lv123"]
    assert search(mod, "main", "  ").count == search(mod, "main", "op:conv").count == 0


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("abcabcabc", [Repeat(0, 3, 3)]),
        ("xabababy", [Repeat(1, 2, 3)]),
        ("aaaabaaaab", [Repeat(0, 5, 2)]),
        ("aab", []),
        ("ababcdcdcd", [Repeat(0, 2, 2), Repeat(4, 2, 3)]),
    ],
)
def test_repeats(row, found):
    assert repeats(row, lambda place: 0) == found


def test_a_repeat_begins_where_least_flows_across():
    """``cab`` three times or ``abc`` three times: the place decides at which fewer tensors pass."""
    assert repeats("abcabcabca", lambda place: int(place % 3 != 1)) == [Repeat(1, 3, 3)]
