"""Starts `python -m hotlined` from an interpreter that has imported all of it: a fork in place of a start and imports.

What runs is a process of its own, a child of whoever started it. Its streams and other descriptors, folder,
environment, umask, exit code and signals are those of a cold start. `install` lets `subprocess.Popen` start
our own programs so, and cold what asks for more than these: a user, a group, a session, another Python or language.
A test that is about the start itself gives Python an option (`python -B -m hotlined`), and its program starts cold.
Where setpriv takes all capabilities from a program, the fork gives them up itself.
Known to be wrong: all that one interpreter starts shares its hash seed, and their /proc/PID/cmdline is its own; one
without a locale, started from where there is one, is in Python's UTF-8 mode only if that is.
"""

import atexit
import ctypes
import fcntl
import gc
import importlib
import inspect
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROGRAMS = ("hotlined", "hotlined.simulator")
"""What `python -m` may be asked for."""
SCRIPTS = tuple(str(Path(__file__).with_name(name)) for name in ("hasty.py", "persons.py"))
"""What `python` may be asked for."""
UNPRIVILEGED = ("setpriv", "--bounding-set=-all")
"""What stands before a program that is to have no capabilities, as root."""
READ_AT_START = ("PYTHON", "LC_")
"""How the variables begin that Python itself reads when it starts."""
LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")
"""The variables that say in which locale Python starts."""
COERCED = ("LC_CTYPE", "C.UTF-8")
"""The variable that Python sets for itself and its children where there is none of them (PEP 538)."""
MEANINGLESS = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""Those of them that make no difference where all is imported."""
ROOT = Path(__file__).resolve().parents[2]
HIGH = 200
"""No descriptor that a child is to have is so high."""
ANSWER = 100
"""No answer of the interpreter has more octets."""
CLONE_PARENT = 0x8000  # linux/sched.h
CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "arm": 120, "i386": 120}.get(
    # a Python of 32 bits may run on a kernel of 64
    str(sysconfig.get_config_var("MULTIARCH")).partition("-")[0]
)
"""The number of that system call, as asm/unistd.h has it; elsewhere all starts cold."""
DROP = 24  # PR_CAPBSET_DROP, the same
CAPABILITIES = 64
"""No kernel has more."""
CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, linux/capability.h


_Cold = subprocess.Popen
_ASKED = [*inspect.signature(_Cold._execute_child).parameters][3:]  # type: ignore[attr-defined]
"""What a start is asked for, beside its command line."""
_PLAIN: dict[str, Any] = {
    "preexec_fn": None, "shell": False, "close_fds": True, "gid": None, "gids": None, "uid": None,
    "umask": -1, "start_new_session": False, "process_group": -1,
}  # fmt: skip
"""What that is where nothing is asked for but descriptors, a folder and an environment."""
_libc = ctypes.PyDLL(None, use_errno=True)  # which keeps the lock of this interpreter: it is copied as it is
_prctl = _libc.prctl


class Popen(subprocess.Popen[Any]):
    """`subprocess.Popen` that starts our own programs warm."""

    def _execute_child(self, args: Any, executable: Any, *options: Any) -> None:
        asked = dict(zip(_ASKED, options, strict=True))
        words = [str(word) for word in args] if isinstance(args, list | tuple) else []
        before = list(UNPRIVILEGED) if tuple(words[: len(UNPRIVILEGED)]) == UNPRIVILEGED else []
        words = words[len(before) :]
        environment = _coerced(os.environ if asked["env"] is None else asked["env"])
        folder = Path.cwd() / (asked["cwd"] or "")
        is_plain = all(asked[name] == usual for name, usual in _PLAIN.items())
        if not (is_plain and _is_ours(words) and folder.is_dir() and _starts_alike(environment)):
            super()._execute_child(args, executable, *options)  # type: ignore[misc]
            return
        given = (asked["p2cread"], asked["c2pwrite"], asked["errwrite"])
        descriptors = {usual: usual if stream == -1 else stream for usual, stream in enumerate(given)}
        descriptors |= {number: number for number in asked["pass_fds"]}
        self.pid = _interpreter().fork([*before, *words[1:]], str(folder), environment, descriptors)
        self._child_created = True
        begin = _ASKED.index("p2cread")
        self._close_pipe_fds(*options[begin : begin + 6])  # type: ignore[attr-defined]


def _is_ours(words: list[str]) -> bool:
    """Tell whether a command line is one of our own programs, without options of Python's."""
    python, first, second, *_ = [*words, "", "", ""]
    is_program = first in SCRIPTS or (first == "-m" and second in PROGRAMS)
    return CLONE is not None and python == sys.executable and is_program


def _coerced(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment as Python has it after its start."""
    has_locale = any(environment.get(name) for name in LOCALE)
    return dict(environment) if has_locale else {**environment, COERCED[0]: COERCED[1]}


def _starts_alike(environment: dict[str, str]) -> bool:
    """Tell whether Python would start in an environment as it did in this one."""
    here, there = (
        {(name, value) for name, value in each.items() if name.startswith(READ_AT_START) and name not in MEANINGLESS}
        for each in (os.environ, environment)
    )
    locale, theirs = ({(name, each[name]) for name in LOCALE if each.get(name)} for each in (os.environ, environment))
    return here - locale == there - theirs and theirs in ({COERCED}, locale)


class Interpreter:
    """An interpreter that has imported everything, as its user sees it; it ends with this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_in_step = True
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = _Cold(
                [sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()

    def fork(self, words: list[str], folder: str, environment: dict[str, str], descriptors: dict[int, int]) -> int:
        """Return the id of a new child of this process, with these words behind `python`.

        `descriptors` are ours by the numbers that they have there.
        """
        mask = os.umask(0)
        os.umask(mask)
        with self._lock:
            self._is_in_step = False  # until its answer is read: after an interrupt it would be taken for the next one
            try:
                answer = self._ask([words, folder, environment, mask, [*descriptors]], [*descriptors.values()])
            except ConnectionError:
                answer = b""
            self._is_in_step = bool(answer)
        if not answer:
            self._end()
            raise ChildProcessError(f"{self._end_in_words()} before it started {words}")
        if not answer.isdigit():
            raise ChildProcessError(
                f"the interpreter that starts programs warm cannot start {words}: {answer.decode()}"
            )
        return int(answer)

    def _ask(self, order: list[Any], descriptors: list[int]) -> bytes:
        """Hand in an order, and return the id of who carries it out, or why nobody does; nothing if it has ended."""
        read, write = os.pipe()  # the order may be of any length
        with os.fdopen(read, "rb"), os.fdopen(write, "w") as stream:
            socket.send_fds(self._socket, [b"."], [read, *descriptors])
            json.dump(order, stream)
            stream.close()
            return self._socket.recv(ANSWER)

    def is_usable(self) -> bool:
        """Tell whether it can start another program; if it has ended by itself, say so."""
        if self._process.poll() is not None:
            sys.stderr.write(f"{self._end_in_words()}: another takes its place\n")
            return False
        with self._lock:
            return self._is_in_step

    def _end_in_words(self) -> str:
        return f"the interpreter that starts programs warm ended with {self._process.returncode}"


_running: dict[int, Interpreter] = {}


def _interpreter() -> Interpreter:
    """Return the interpreter of this process, and not that of the one that it was forked from; another if it ended."""
    found = _running.get(os.getpid())
    if found is None or not found.is_usable():
        found = _running[os.getpid()] = Interpreter()
    return found


def install() -> None:
    """Let `subprocess` start our programs warm from now on."""
    subprocess.Popen = Popen  # type: ignore[misc]


# ---- the interpreter itself


def _import_all() -> None:
    """Import what our programs import."""
    import persons  # noqa: PLC0415  # only where it forks

    gc.disable()  # nothing of it goes away again
    persons.import_all()
    for name in ("serial", "gsmmodem.pdu"):
        importlib.import_module(name)
    gc.enable()


def _serve(control: socket.socket) -> None:
    """Fork at each order; return in the child, when it is as it would be after a cold start."""
    gc.freeze()
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, HIGH)
        if not descriptors:
            os._exit(0)
        if _is_new(control):
            break
        for descriptor in descriptors:
            os.close(descriptor)
    control.close()
    _become(*descriptors)


def _is_new(control: socket.socket) -> bool:
    """Fork; return True in the new process, and False in this one once it has told its id, or why there is none."""
    try:
        child = _fork_beside()
    except OSError as error:  # too many processes, or no memory
        control.send(str(error.strerror).encode())
        return False
    if child:
        control.send(str(child).encode())
    return not child


def _fork_beside() -> int:
    """Fork a child of this process's parent, whose id it returns; 0 in the child.

    What Python does itself before and behind a fork is done, and what the C library does is not: it is about threads,
    and here is but one.
    """
    ctypes.pythonapi.PyOS_BeforeFork()
    child: int = _libc.syscall(CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    error = ctypes.get_errno()
    (ctypes.pythonapi.PyOS_AfterFork_Parent if child else ctypes.pythonapi.PyOS_AfterFork_Child)()
    if child < 0:
        raise OSError(error, os.strerror(error))
    return child


def _become(order: int, *given: int) -> None:
    """Take over what was ordered."""
    with os.fdopen(order) as stream:
        sys.argv, folder, environment, mask, numbers = json.load(stream)
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH) for descriptor in given]
    for descriptor in given:
        os.close(descriptor)
    for descriptor, number in zip(high, numbers, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.umask(mask)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        raw: Any = io.FileIO(number, "rb" if number == 0 else "wb", closefd=False)
        buffered = io.BufferedReader(raw) if number == 0 else io.BufferedWriter(raw)
        at_once = number == 2 or raw.isatty() or "PYTHONUNBUFFERED" in environment
        new = io.TextIOWrapper(buffered, before.encoding, before.errors, line_buffering=at_once)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    if tuple(sys.argv[: len(UNPRIVILEGED)]) == UNPRIVILEGED:
        del sys.argv[: len(UNPRIVILEGED)]
        _drop_capabilities()


def _drop_capabilities() -> None:
    """Give up every capability, also for what is started: root is held to the rights of files then."""
    for capability in range(CAPABILITIES):
        _prctl(DROP, capability, 0, 0, 0)  # one that this kernel does not know is refused
    nothing = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable: two words each
    if _libc.capset((ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), nothing):
        raise OSError(ctypes.get_errno(), "capabilities cannot be dropped")


def _run() -> int:
    """Run what was ordered, and return its exit code."""
    try:
        if sys.argv[0] == "-m":
            sys.path[0] = os.getcwd()  # noqa: PTH109  # as Python writes it
            del sys.argv[0]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _finish(code: int) -> None:
    """End as Python does, but for taking apart all that was imported: that takes longer than most commands.

    Where nobody reads any more what is written, Python ends by itself, and says so.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)
    os._exit(code)


if __name__ == "__main__":
    given = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who works with it gets it, too, and ends
    _import_all()
    _serve(given)
    _finish(_run())
