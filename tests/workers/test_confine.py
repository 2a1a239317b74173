"""What a worker may not do, tried from inside one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlc_explorer.errors import JobFailed
from mlc_explorer.workers.client import Engine

CONFINED_HELPER = """
import subprocess, sys
from pathlib import Path
from mlc_explorer.workers.confine import confine

tries = '''
import socket
for forbidden in (socket.socket, lambda: open("/etc/passwd")):
    try:
        forbidden()
    except PermissionError:
        print("refused")
'''
helper = [sys.executable, "-I", "-c", tries]
on = confine(Path(sys.argv[1]), 4096, lambda: subprocess.run(helper))
print(sorted(on), flush=True)
"""


@pytest.fixture(scope="module")
def protections(engine: Engine) -> dict[str, str]:
    engine.call("echo")
    return engine.about()["protections"]


def _need(protections: dict[str, str], name: str) -> None:
    if name not in protections:
        pytest.skip(f"this kernel, or what is installed, gives no protection of {name}")


def _refused(engine: Engine, job: str, **args: object) -> None:
    with pytest.raises(JobFailed, match="PermissionError"):
        engine.call(job, **args)


def test_compiling_and_running_a_function_still_works(engine: Engine) -> None:
    assert engine.call("compile_and_run") == [1, 2, 3, 4, 5, 6, 7, 8]


def test_it_reads_nothing_outside(engine: Engine, protections: dict[str, str], tmp_path: Path) -> None:
    _need(protections, "files")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    _refused(engine, "read_file", path=str(secret))
    _refused(engine, "read_file", path="/etc/passwd")
    _refused(engine, "read_file", path=f"/proc/{os.getpid()}/environ")


def test_it_writes_nothing_outside(engine: Engine, protections: dict[str, str], tmp_path: Path) -> None:
    _need(protections, "files")
    target = tmp_path / "written"
    _refused(engine, "write_file", path=str(target))
    assert not target.exists()


def test_it_has_a_folder_of_its_own_that_goes_with_it(own_engine: Engine) -> None:
    assert own_engine.call("write_own_file") == "inside"


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX"])
def test_it_opens_no_socket(engine: Engine, protections: dict[str, str], family: str) -> None:
    if protections.get("network") != "seccomp":
        pytest.skip("libseccomp is not installed: only Landlock's rules on TCP hold")
    _refused(engine, "open_socket", family=family)


def test_it_starts_no_process(engine: Engine, protections: dict[str, str], tmp_path: Path) -> None:
    _need(protections, "processes")
    _refused(engine, "run_program")
    _refused(engine, "fork")
    assert engine.call("compiled_system_call", command=f"touch {tmp_path}/made") != 0
    assert not (tmp_path / "made").exists()


def test_a_helper_is_held_by_all_but_the_last_step(tmp_path: Path) -> None:
    """What is started just before the end may run, but reads and writes no more than the worker."""
    run = [sys.executable, "-c", CONFINED_HELPER, str(tmp_path)]
    out = subprocess.run(run, capture_output=True, text=True, timeout=30, cwd=Path(__file__).parents[2])
    if "network" not in out.stdout or "files" not in out.stdout:
        pytest.skip("this kernel, or what is installed, gives no such protection")
    assert out.stdout.splitlines()[:2] == ["refused", "refused"], out.stderr


def test_it_signals_nobody(engine: Engine, protections: dict[str, str]) -> None:
    _need(protections, "signals")
    _refused(engine, "send_signal", to=os.getpid())


def test_it_gets_the_models_of_its_own_job_only(engine: Engine) -> None:
    trace = {"version": 1, "model": f"sha256:{'0' * 64}", "steps": []}
    with pytest.raises(JobFailed) as e:
        engine.call("steal_model", trace=trace, digest=f"sha256:{'1' * 64}")
    assert e.value.code == "job_garbage"
