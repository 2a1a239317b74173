"""Layout: by dot, in time, the same every time; in layers where dot can't."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlc_explorer.engine.views import dot, dot_helper, layout
from mlc_explorer.engine.views.layers import layers
from mlc_explorer.engine.views.opened import Shown
from mlc_explorer.engine.views.sketch import Sketch
from mlc_explorer.schema.graph import Node

pytestmark = pytest.mark.usefixtures("afresh")


def chain(count: int) -> Shown:
    """input → n1 → n2 …, a weight beside each."""
    drawn = Sketch()
    drawn.add(Node("n0", "input", "input", "(1, 784)", label="image"))
    for i in range(1, count):
        weight = drawn.add(Node(f"w{i}", "constant", "constant", "(784, 200)", label="(784, 200)"))
        drawn.add(Node(f"n{i}", "matmul", "matmul", "(1, 200)", label="matmul"), [f"n{i - 1}", weight])
    return Shown(list(drawn.nodes.values()), list(drawn.edges))


def overlap(a: Node, b: Node) -> bool:
    return abs(a.x - b.x) < (a.w + b.w) / 2 and abs(a.y - b.y) < (a.h + b.h) / 2


@pytest.fixture(params=["dot", "layers"])
def view(request, monkeypatch):
    if request.param == "layers":
        monkeypatch.setattr(layout, "DOT_NODES", 0)
    laid_out = layout.lay_out("main", chain(8))
    assert laid_out.layout == request.param
    return laid_out


def test_no_boxes_overlap(view):
    nodes = view.nodes
    assert not [(a.id, b.id) for i, a in enumerate(nodes) for b in nodes[i + 1 :] if overlap(a, b)]


def test_flow_goes_down_and_edges_meet_their_boxes(view):
    at = {node.id: node for node in view.nodes}
    for edge in view.edges:
        source, target = at[edge.source], at[edge.target]
        assert source.y < target.y
        assert edge.points[0][1] == pytest.approx(source.y + source.h / 2, abs=2)
        assert edge.points[-1][1] == pytest.approx(target.y - target.h / 2, abs=2)


def test_weights_stand_just_above_what_uses_them(view):
    at = {node.id: node for node in view.nodes}
    assert all(at[f"n{i - 1}"].y == pytest.approx(at[f"w{i}"].y, abs=12) for i in range(1, 8))


def test_dot_keeps_the_trunk_plumb():
    view = layout.lay_out("main", chain(8))
    assert len({node.x for node in view.nodes if node.family != "constant"}) == 1


def test_the_same_graph_gives_the_same_layout():
    first = layout.lay_out("main", chain(8))
    layout.forget()
    assert layout.lay_out("main", chain(8)) == first


def test_a_layout_is_kept(monkeypatch):
    first = layout.lay_out("main", chain(8))
    monkeypatch.setattr(dot, "plain", lambda source: pytest.fail("dot ran again"))
    assert layout.lay_out("main", chain(8)) == first


@pytest.mark.parametrize("answer", [None, "", "graph 1\nnode nonsense", "stop\n"])
def test_layers_where_dot_fails(monkeypatch, answer):
    monkeypatch.setattr(dot, "plain", lambda source: answer)
    assert layout.lay_out("main", chain(4)).layout == "layers"


def test_dot_is_ended_when_it_takes_too_long(tmp_path):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    assert dot_helper.run(str(slow), b"digraph {}", 0.2) == b""


def test_layers_are_quick_and_whole_for_thousands():
    count = 5000
    edges = [(i, i + 1) for i in range(count - 1)] + [(i, i + 7) for i in range(0, count - 7, 5)]
    placed = layers([(80.0, 40.0)] * count, edges)
    assert len(set(placed.centres)) == count
    assert all(placed.centres[s][1] < placed.centres[t][1] for s, t in edges)


def test_layers_survive_a_cycle():
    assert len(layers([(80.0, 40.0)] * 3, [(0, 1), (1, 2), (2, 1)]).centres) == 3


def test_wider_text_makes_a_wider_box():
    short, long = (
        layout.box_size(Node("n", name, "call", label=name)) for name in ("add", "fused_conv2d_add_relu")
    )
    assert short == (72.0, 40.0)
    assert long[0] > 150
    assert layout.box_size(Node("w", "constant", "constant", label="(10,)"))[1] == 24.0


def test_an_empty_graph():
    assert layout.lay_out("main", Shown()).nodes == ()


# The helper: for workers that may start no program.


def test_the_helper_gives_the_same_layout():
    direct = layout.lay_out("main", chain(8))
    layout.forget()
    dot.start_helper()
    assert layout.lay_out("main", chain(8)) == direct
    assert direct.layout == "dot"


def test_a_confined_process_lays_out_through_its_helper(tmp_path):
    """Under Landlock, where no program may be run, dot is reached through the helper that was started
    before."""
    pytest.importorskip("landlock", reason="confinement needs the landlock package")
    script = (
        "import sys; from pathlib import Path\n"
        "from mlc_explorer.engine.views import dot\n"
        "from mlc_explorer.workers.confine import confine\n"
        "if sys.argv[2] == 'helper': dot.start_helper()\n"
        "on = confine(Path(sys.argv[1]), 4000)\n"
        "found = dot.plain('digraph { n0 -> n1 }')\n"
        "print('files' in on, bool(found))\n"
        "dot.stop_helper()\n"
    )

    def confined(helper: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), helper],
            capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[3], check=True,
        )  # fmt: skip
        return done.stdout.split()

    on, found = confined("helper")
    assert found == "True"
    if on == "True":
        assert confined("alone") == ["True", "False"]


@pytest.mark.parametrize(
    "source",
    [
        'digraph { n0 [image="/etc/passwd"] }',
        'digraph { n0 [shapefile="x"] }',
        "digraph { graph [fontpath=x] }",
        "digraph { a -> b } // /etc",
    ],
)
def test_the_helper_refuses_what_layout_does_not_write(source):
    assert not dot_helper.is_ours(source.encode())


def test_the_helper_takes_what_layout_writes():
    sent = []

    def keep(source):
        sent.append(source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dot, "plain", keep)
        layout.lay_out("main", chain(250))
    assert dot_helper.is_ours(sent[0].encode())
    assert 'mclimit="0.1"' in sent[0] or "mclimit=0.1" in sent[0]


def test_a_dead_helper_means_layers():
    dot.start_helper()
    dot._helper.kill()
    dot._helper.wait()
    assert layout.lay_out("main", chain(4)).layout == "layers"
