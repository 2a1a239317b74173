"""Every `MLC_EXPLORER_*` setting of the workers, read once from the environment. `store` documents its own.

| variable | default | meaning |
|---|---|---|
| `MLC_EXPLORER_ENGINE` | – | address of a running engine server: a socket's path, or `host:port` |
| `MLC_EXPLORER_ENGINE_KEY` | – | file with that server's key |
| `MLC_EXPLORER_WORKERS` | cores, at least 2 | interactive workers |
| `MLC_EXPLORER_CORES` | those of this process | threads of a kernel (`TVM_NUM_THREADS`) |
| `MLC_EXPLORER_MEMORY_MIB` | 6144 | what a worker may map beyond what it starts with |
| `MLC_EXPLORER_INTERACTIVE_SECONDS` | 20 | limit of a job behind a click |
| `MLC_EXPLORER_COMPILE_SECONDS` | 60 | limit of a text that is compiled (llvm, asm), and of a pipeline |
| `MLC_EXPLORER_MEASURE_SECONDS` | 180 | limit of a measurement |
| `MLC_EXPLORER_RUN_SECONDS` | 60 | limit of a run |
| `MLC_EXPLORER_MAX_SECONDS` | 600 | the most that a caller may ask for |
| `MLC_EXPLORER_RESULT_MIB` | 64 | the largest result that is taken from a worker |
| `MLC_EXPLORER_UPLOAD_MIB` | 200 | the largest model that is sent to a worker |
| `MLC_EXPLORER_WORKER_MODELS_MIB` | 512 | uploaded models that a worker keeps in memory |
| `MLC_EXPLORER_REQUIRE_CONFINEMENT` | 0 | 1: do no job where a protection is missing (for a class) |
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """See the module's table; a field is its variable in lower case. MiB are 2**20 bytes."""

    engine: str = ""
    engine_key: str = ""
    workers: int = 0
    cores: int = 0
    memory_mib: int = 6144
    interactive_seconds: float = 20.0
    compile_seconds: float = 60.0
    measure_seconds: float = 180.0
    run_seconds: float = 60.0
    max_seconds: float = 600.0
    result_mib: int = 64
    upload_mib: int = 200
    worker_models_mib: int = 512
    require_confinement: bool = False

    @staticmethod
    def from_env(environ: Mapping[str, str] | None = None) -> Settings:
        """The settings of this process. A value that is no number raises ValueError naming its variable."""
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for field in dataclasses.fields(Settings):
            variable = f"MLC_EXPLORER_{field.name.upper()}"
            if environ.get(variable):
                values[field.name] = _convert(variable, environ[variable], type(field.default))
        return Settings(**values).resolved()

    def resolved(self) -> Settings:
        """With the defaults that depend on the machine filled in."""
        cores = self.cores or len(os.sched_getaffinity(0))
        return dataclasses.replace(self, cores=cores, workers=self.workers or max(2, cores))

    def to_env(self) -> dict[str, str]:
        """The variables that give these settings to another process."""
        values = {k: int(v) if isinstance(v, bool) else v for k, v in dataclasses.asdict(self).items()}
        return {f"MLC_EXPLORER_{k.upper()}": str(v) for k, v in values.items()}


def _convert(variable: str, text: str, kind: type) -> Any:
    try:
        return text.lower() in ("1", "true", "yes") if kind is bool else kind(text)
    except ValueError as e:
        raise ValueError(f"{variable}={text!r} is not a number") from e
