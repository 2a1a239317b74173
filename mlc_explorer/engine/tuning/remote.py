"""Candidates timed on another machine, through TVM's RPC tracker: ``python -m …engine.tuning.remote``.

A process of its own, because workers have no network, and the process of the command line no TVM. It never
runs what it is given: it links object files (or leaves that to the other side, where there is no linker for
its machine here), sends them over, and hears times and outputs. One line of JSON asks, one answers:
{"object", "entry", "parameters", "expected", "seconds"} → {"ms"}, or an error as `MlcError.to_json` has it.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tvm

from ...errors import EngineUnavailable, JobFailed, MlcError, NotInstalled
from ...schema.report import TensorInfo
from .. import targets
from ..measure import seeded_inputs
from ..transforms.wording import words
from .trial import refuse_unless_right

_PACKAGES = ("tornado", "cloudpickle", "psutil")
_PATIENCE_S = 5.0  # with a tracker that does not answer
_LEAST_S = 0.003  # of one repeat, far above the clock's resolution
_REPEATS = (3, 30)


def missing_packages() -> list[str]:
    """Packages that TVM's RPC needs and that are not installed."""
    return [name for name in _PACKAGES if importlib.util.find_spec(name) is None]


def session(tracker: str, key: str, seconds: float) -> Any:
    """A session of at most `seconds` with a machine of that key. NotInstalled, or EngineUnavailable if the
    tracker `host:port` or a machine can't be had."""
    missing = missing_packages()
    if missing:
        raise NotInstalled(**words("tune_rpc_packages", packages=" ".join(missing)), place="--tracker")
    from tvm import rpc

    host, _, port = tracker.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _PATIENCE_S):
            pass  # TVM itself would try for a minute and a half
        machines = rpc.connect_tracker(host, int(port))
        _refuse_unknown(key, machines.summary()["server_info"])
        return machines.request(key, session_timeout=int(seconds) + 1)
    except Exception as e:  # sockets, TVM's own errors, a port that is no number
        said = words("tune_no_tracker", tracker=tracker, key=key, reason=str(e).splitlines()[-1][:200])
        raise EngineUnavailable(**said, place="--tracker") from e


def _refuse_unknown(key: str, servers: Sequence[Mapping[str, Any]]) -> None:
    """A tracker keeps whoever asks for a key that no machine has waiting for ever."""
    known = sorted({str(server["key"]).removeprefix("server:") for server in servers})
    if key not in known:
        raise LookupError(f"it has no machine of that key; there are: {', '.join(known) or 'none'}")


def timed(remote: Any, asked: Mapping[str, Any], target: tvm.target.Target) -> float:
    """Median milliseconds of a call over there, timed for about ``asked["seconds"]``. Refused for a wrong
    result."""
    with tempfile.TemporaryDirectory() as folder:
        library = _library(base64.b64decode(asked["object"]), target, Path(folder))
        remote.upload(str(library))
        module, device = remote.load_module(library.name), remote.cpu(0)
    infos = [TensorInfo(p["name"], tuple(p["shape"]), p["dtype"]) for p in asked["parameters"]]
    written = [bool(p["written"]) for p in asked["parameters"]]
    values = iter(seeded_inputs([i for i, out in zip(infos, written) if not out]))
    noise = iter(seeded_inputs([i for i, out in zip(infos, written) if out], seed=1))
    arrays = [next(noise if out else values) for out in written]
    tensors = [tvm.runtime.tensor(np.ascontiguousarray(a), device) for a in arrays]
    function = module.get_function(asked["entry"])
    function(*tensors)
    refuse_unless_right([t.numpy() for t, out in zip(tensors, written) if out], asked["expected"])
    once = module.time_evaluator(asked["entry"], device, number=1, repeat=1)(*tensors).mean
    number = max(1, round(_LEAST_S / max(once, 1e-7)))
    repeat = max(_REPEATS[0], min(_REPEATS[1], int(asked["seconds"] / (number * max(once, 1e-7)))))
    evaluate = module.time_evaluator(asked["entry"], device, number=number, repeat=repeat)
    return float(np.median(evaluate(*tensors).results)) * 1e3


def _library(data: bytes, target: tvm.target.Target, folder: Path) -> Path:
    """What is sent: a shared library, or the object file for the other side to link."""
    file = folder / "candidate.o"
    file.write_bytes(data)
    linker = _linker(target)
    if linker is None:
        return file
    from tvm.support import cc

    library = folder / "candidate.so"
    cc.create_shared(str(library), [str(file)], cc=linker)
    return library


def _linker(target: tvm.target.Target) -> str | None:
    """A C compiler that links for `target`: this machine's own, or one that the triple names."""
    if targets.runs_here(target):
        return shutil.which("cc") or shutil.which("gcc")
    triple = str(target.attrs.get("mtriple") or "")
    return shutil.which(f"{triple}-gcc") if triple else None


def _answer(line: str, args: argparse.Namespace) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        remote = session(args.tracker, args.key, args.limit)
        return {"ms": timed(remote, asked, targets.target(args.target))}
    except MlcError as e:
        return e.to_json()
    except Exception as e:  # whatever went wrong over there comes as TVM's own errors
        reason = (str(e).strip().splitlines() or [type(e).__name__])[-1][:300]
        return JobFailed(**words("tune_remote_failed", reason=reason), detail=str(e)[-8000:]).to_json()


def main() -> None:
    """Answers each line of standard input until it ends."""
    parser = argparse.ArgumentParser(prog="python -m mlc_explorer.engine.tuning.remote")
    parser.add_argument("--tracker", required=True, metavar="HOST:PORT")
    parser.add_argument("--key", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--limit", type=float, default=15.0, metavar="SECONDS")
    args = parser.parse_args()
    for line in sys.stdin:
        print(json.dumps(_answer(line, args)), flush=True)


if __name__ == "__main__":
    main()
