"""What ended a job: time, memory, a signal, a person. Each becomes the error that its caller gets.

Memory runs out in four ways: Python's MemoryError, a C++ bad_alloc that TVM turns into an exception, LLVM's
own abort (the text is on stderr), and the kernel's kill. All of them are OutOfMemory.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

from ..errors import Cancelled, Crashed, JobFailed, MlcError, OutOfMemory, TimedOut

# TVM allocates with posix_memalign and reports its return code; the others are glibc's, libstdc++'s and
# LLVM's.
_MEMORY_TEXT = re.compile(
    r"out of memory|bad_alloc|cannot allocate memory|unable to allocate|posix_memalign|failed to allocate"
    r"|MemoryError",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[^\n\t\x20-\x7e\u00a0-\uffff]")
_LAST_LINES = 40


def is_memory_text(text: str) -> bool:
    """Whether an exception's text, or a dying process's last words, speak of memory."""
    return bool(_MEMORY_TEXT.search(text))


def out_of_memory(limit_mib: int, detail: str = "") -> OutOfMemory:
    return OutOfMemory(
        f"The job needed more than the {limit_mib} MiB of memory that it may use.",
        hint="Use smaller shapes or a smaller model, or undo the last step.",
        detail=detail, code="job_out_of_memory", params={"limit_mib": limit_mib},
    )  # fmt: skip


def timed_out(seconds: float) -> TimedOut:
    return TimedOut(
        f"The job was ended after {seconds:g} seconds, the most it may take.",
        hint="Undo the last step, or use smaller shapes. Your steps are kept.",
        code="job_timed_out", params={"seconds": f"{seconds:g}"},
    )  # fmt: skip


def cancelled() -> Cancelled:
    return Cancelled("The job was cancelled.", hint="Your steps are kept.", code="job_cancelled")


def failed(reason: str, detail: str) -> JobFailed:
    """An exception that nobody expected: `reason` in one line, the traceback in `detail`."""
    return JobFailed(
        f"The job failed: {reason}",
        hint="Your steps are kept. Undo the last step, or report this with the details below.",
        detail=detail, code="job_failed", params={"reason": reason},
    )  # fmt: skip


def garbage(reason: str, stderr: bytes) -> JobFailed:
    """The worker said something that is no message: it is not to be trusted any more."""
    return JobFailed(
        "The worker's answer could not be read, so it was ended.",
        hint="Your steps are kept. Undo the last step, or try again.",
        detail=f"{reason}\n{last_lines(stderr)}".strip(), code="job_garbage",
    )  # fmt: skip


def death(exitcode: int | None, stderr: bytes, limit_mib: int, kernel_killed: bool) -> MlcError:
    """The error for a worker that died under a job: `exitcode` as multiprocessing gives it (-11: SIGSEGV)."""
    words = last_lines(stderr)
    if (exitcode == -signal.SIGKILL and kernel_killed) or is_memory_text(words):
        return out_of_memory(limit_mib, words)
    name = signal_name(exitcode)
    return Crashed(
        f"The worker process died ({name}) while it did this job.",
        hint="Compiled code went wrong, for example by writing outside a buffer or dividing by zero. "
        "Undo the last step; your steps are kept.",
        detail=words, code="job_crashed", params={"signal": name},
    )  # fmt: skip


def signal_name(exitcode: int | None) -> str:
    """-11 → ``SIGSEGV``; a status → ``exit 1``."""
    if exitcode is not None and exitcode < 0:
        try:
            return signal.Signals(-exitcode).name
        except ValueError:
            return f"signal {-exitcode}"
    return f"exit {exitcode}"


def last_lines(stderr: bytes) -> str:
    """The end of what a worker wrote to stderr, without control characters: it may be hostile."""
    lines = _CONTROL.sub("", stderr.decode("utf-8", "replace")).strip().splitlines()
    return "\n".join(line[:400] for line in lines[-_LAST_LINES:])


def kernel_kills() -> int:
    """How many processes the kernel has ended for want of memory since it started (0 where it does not
    say)."""
    try:
        found = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found.group(1)) if found else 0
