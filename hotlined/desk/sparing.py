"""Keeps the desk small: it imports Flask without modules that nobody uses here, and gives memory back.

Flask, werkzeug and Jinja import a server, a browser for tests, signed cookies, the list of installed packages, a store
for templates and what packs files, and with them modules for TLS, HTTP, mail and zip files: 4 MiB. Python's digests
come from OpenSSL, 4 MiB more; without it, Python has its own.

Known to be wrong: if a version of these packages uses such a module during its import, the desk fails at its start.
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
    """Stands for a module during an import: names can be taken from it, but not used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise ImportError(self.__name__)


@contextmanager
def without_unused() -> Iterator[None]:
    """Import what is imported inside without modules that nobody uses; a later import gets the real module."""
    absent: dict[str, Any] = {name: _Absent(name) for name in UNUSED if name not in sys.modules}
    if _OPENSSL not in sys.modules:
        absent[_OPENSSL] = None  # then it is not found, and `hashlib` and `hmac` use Python's own digests
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name, module in absent.items():
            if sys.modules.get(name, ...) is module:
                del sys.modules[name]


def settle() -> None:
    """Exempt everything that is imported now from garbage collection: collecting the rest then takes a millisecond."""
    gc.collect()
    gc.freeze()


def give_memory_back() -> None:
    """Collect garbage, and make the C library give free pages of its heap back, if it can."""
    gc.collect()
    if trim := getattr(libc(), "malloc_trim", None):
        trim(0)
