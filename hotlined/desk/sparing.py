"""Keeps the desk small: imports Flask without what nobody asks of it here, and gives memory back.

Flask, werkzeug and Jinja import a server, a browser for tests, signed cookies, the list of installed packages, a store
for templates and what packs files, with TLS, HTTP, mail and zip files behind them: 4 MiB. Python's digests are by
OpenSSL, 4 MiB more; where there is none, it has its own.
Known to be wrong: a version of them that uses one of these while it is imported fails at the start of the desk.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from hotlined.clock import libc

UNUSED = (
    *("werkzeug.serving", "werkzeug.test", "itsdangerous", "importlib.metadata", "jinja2.bccache"),
    *("difflib", "bz2", "lzma"),
)
"""The modules that are left out."""
_OPENSSL = "_hashlib"


class _Absent(ModuleType):
    """Stands for a module while it is imported: what is taken from it can be named, and not used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise ImportError(self.__name__)


@contextmanager
def without_unused() -> Iterator[None]:
    """Import what is imported inside without the modules that nobody uses; who imports one later gets it."""
    absent: dict[str, Any] = {name: _Absent(name) for name in UNUSED if name not in sys.modules}
    if _OPENSSL not in sys.modules:
        absent[_OPENSSL] = None  # it is not found, and `hashlib` and `hmac` do without
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name, module in absent.items():
            if sys.modules.get(name, ...) is module:
                del sys.modules[name]


def settle() -> None:
    """Have what is imported and made by now stay: to look for what is unused among the rest takes a millisecond."""
    gc.collect()
    gc.freeze()


def give_memory_back() -> None:
    """Drop what is unused, and have the C library give back the pages of its heap that are free, where it can."""
    gc.collect()
    if trim := getattr(libc(), "malloc_trim", None):
        trim(0)
