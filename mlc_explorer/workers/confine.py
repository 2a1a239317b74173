"""What a worker may do: compute, read the installation, write to its own folder. Nothing else.

A model, a trace or a compiled kernel may be hostile: TVM runs code that it parses, and a kernel runs as this
process. So before its first job a worker gives up, in this order, and for good:

1. outliving its parent (PR_SET_PDEATHSIG) and gaining privileges (PR_SET_NO_NEW_PRIVS);
2. memory beyond a limit (RLIMIT_AS), core dumps, large files, many descriptors;
3. files (Landlock): it reads what Python, TVM and this project installed, and writes only to its folder;
4. sockets: Landlock where the kernel's is new enough (TCP, abstract sockets, signals to others), and seccomp
   where libseccomp is installed (every socket; also tracing, io_uring and more);
5. new processes, programs (Landlock and seccomp), and signals to anybody but itself.

A helper that is started between 4 and 5 is held by all but the last.

Linux alone has these. Elsewhere, or where the kernel lacks one, the worker works on, and what `confine`
returns says so; the setting `require_confinement` makes it refuse instead.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import site
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent.parent
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_CLONE_THREAD = 0x00010000
_FILE_MIB, _DESCRIPTORS = 1024, 256

# What TVM, LLVM, OpenBLAS and the C library read about the machine.
_MACHINE = [
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/self", "/proc/sys/vm", "/sys/devices/system",
    "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage", "/etc/ld.so.cache", "/etc/localtime", "/usr",
    "/lib", "/lib64", "/dev/urandom", "/dev/random", "/dev/zero", "/dev/null",
]  # fmt: skip
_DENIED = [
    "socket", "connect", "bind", "listen", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
    "pidfd_open", "pidfd_getfd", "io_uring_setup", "bpf", "perf_event_open", "userfaultfd", "unshare",
    "setns", "mount", "umount2", "pivot_root", "chroot", "open_by_handle_at", "keyctl", "add_key",
    "request_key", "init_module", "finit_module", "kexec_load", "reboot", "swapon", "settimeofday",
    "clock_settime", "setuid", "setgid", "setpriority", "shmget", "shmat", "shmctl", "msgget", "msgsnd",
    "semget", "semop",
]  # fmt: skip
_DENIED_AT_LAST = [
    "execve", "execveat", "fork", "vfork", "tkill", "pidfd_send_signal", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
]  # fmt: skip


def confine(folder: Path, memory_mib: int, start_helper: Callable[[], None] = lambda: None) -> dict[str, str]:
    """Gives up everything above; what protects now: ``files``, ``network``, ``processes``, ``signals``,
    ``memory`` → by what. A protection that is not there is missing from the result."""
    on = {"memory": _limit_resources(memory_mib)}
    if sys.platform != "linux":
        start_helper()
        return on
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    on |= _landlock(folder)
    on |= _no_sockets()
    start_helper()
    on |= _no_programs()
    on |= _no_processes()
    return on


def mapped_bytes() -> int:
    """The address space in use, which RLIMIT_AS counts; 0 where it can't be told."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _limit_resources(memory_mib: int) -> str:
    _lower(resource.RLIMIT_AS, mapped_bytes() + (memory_mib << 20))
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, _FILE_MIB << 20)
    _lower(resource.RLIMIT_NOFILE, _DESCRIPTORS)
    with suppress(OSError):  # the kernel, short of memory, should end a worker rather than the screen
        Path("/proc/self/oom_score_adj").write_text("900")
    return f"{memory_mib} MiB"


def _lower(limit: int, value: int) -> None:
    """Sets a limit for good, unless a lower one stands already."""
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with suppress(ValueError, OSError):  # macOS does not know RLIMIT_AS
        resource.setrlimit(limit, (value, value))


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _readable() -> Iterator[Path]:
    """The installation: Python, its packages (also those outside the prefix), the project, and the
    machine."""
    yield from map(Path, _MACHINE)
    yield from map(Path, {sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages()})
    for name in ("tvm", "tvm_ffi", "numpy", "onnx", "onnxruntime", "torch"):
        with suppress(ImportError, ValueError):
            spec = find_spec(name)
            if spec and spec.origin:
                yield Path(spec.origin).parent
    yield _PACKAGE
    yield _PACKAGE.parent / "sample_models"


def _landlock(folder: Path) -> dict[str, str]:
    try:
        import landlock
        from landlock import FSAccess

        ctypes.set_errno(0)  # the package takes an old errno for its own
        abi = landlock.landlock_abi_version()
        ruleset = landlock.Ruleset()
        for path in _readable():
            with suppress(FileNotFoundError):
                rules = FSAccess.READ_FILE | FSAccess.EXECUTE
                ruleset.allow(path, rules=rules | FSAccess.READ_DIR if path.is_dir() else rules)
        ruleset.allow("/dev/null", rules=FSAccess.READ_FILE | FSAccess.WRITE_FILE)
        ruleset.allow(folder, rules=_own_folder(FSAccess))
        ruleset.apply()
        os.close(ruleset._fd)
    except (ImportError, OSError):
        return {}
    on = {"files": f"Landlock {abi}"}
    if abi >= 4:
        on["network"] = "Landlock (TCP)"
    if abi >= 6:
        on["signals"] = "Landlock"
    if abi >= 4:
        _landlock_scope(abi)
    return on


def _own_folder(access: type) -> int:
    """All rights but running programs and making devices or sockets."""
    everything = access.all()  # type: ignore[attr-defined]
    return everything & ~(access.EXECUTE | access.MAKE_CHAR | access.MAKE_BLOCK | access.MAKE_SOCK)


def _landlock_scope(abi: int) -> None:
    """No TCP (ABI 4); no signal to, and no abstract socket of, a process outside (ABI 6).

    The package knows files only, so this second ruleset goes through its plumbing with the longer structure.
    """
    from landlock.plumbing import RulesetAttr, get_create_ruleset, get_restrict_self

    class ScopedAttr(RulesetAttr):
        _fields_ = (("handled_access_net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))

    attr = ScopedAttr(0, 0b11, 0b11 if abi >= 6 else 0)
    size = ctypes.sizeof(attr) if abi >= 6 else ctypes.sizeof(attr) - ctypes.sizeof(ctypes.c_uint64)
    ctypes.set_errno(0)
    ruleset = get_create_ruleset()(ctypes.byref(attr), size, 0)
    get_restrict_self()(ruleset, 0)
    os.close(ruleset)


def _no_programs() -> dict[str, str]:
    """A ruleset on running programs that allows none."""
    try:
        import landlock

        ctypes.set_errno(0)
        ruleset = landlock.Ruleset(landlock.FSAccess.EXECUTE)
        ruleset.apply()
        os.close(ruleset._fd)
    except (ImportError, OSError):
        return {}
    return {"programs": "Landlock"}


def _no_sockets() -> dict[str, str]:
    def rules(seccomp: Any, filter_: Any, refuse: int) -> None:
        _deny(filter_, refuse, _DENIED)

    return {"network": "seccomp"} if _seccomp(rules) else {}


def _no_processes() -> dict[str, str]:
    def rules(seccomp: Any, filter_: Any, refuse: int) -> None:
        _deny(filter_, refuse, _DENIED_AT_LAST)
        # Threads are made by clone too; a new process is a clone without CLONE_THREAD. The arguments of
        # clone3 can't be seen by a filter: told that there is none, the C library falls back to clone.
        filter_.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, _CLONE_THREAD, 0))
        filter_.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
        for name in ("kill", "tgkill"):  # abort() signals its own process
            filter_.add_rule(refuse, name, seccomp.Arg(0, seccomp.NE, os.getpid()))

    return {"processes": "seccomp", "signals": "seccomp"} if _seccomp(rules) else {}


def _deny(filter_: Any, refuse: int, names: list[str]) -> None:
    for name in names:
        with suppress(OSError, ValueError):  # a call that this architecture does not have
            filter_.add_rule(refuse, name)


def _seccomp(rules: Callable[[Any, Any, int], None]) -> bool:
    """Loads a filter that allows everything but what `rules` add; False where there is no seccomp."""
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError):  # RuntimeError: the package is there, libseccomp is not
        return False
    try:
        filter_ = seccomp.SyscallFilter(seccomp.ALLOW)
        rules(seccomp, filter_, seccomp.ERRNO(errno.EPERM))
        filter_.load()
    except OSError:
        return False
    return True
