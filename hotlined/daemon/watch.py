"""Ends a wait when a file in the database's folder changes (inotify(7)), so that the loop need not ask every second.

A change is only a hint: our own writes end a wait, too. A network file system reports no changes, and if the kernel has
no watch left, `descriptor` is None. So after a hint the loop asks the database, and it also asks now and then without
one.
"""

import ctypes
import os
from pathlib import Path

from hotlined.gsm.port import drain
from hotlined.machine.clock import libc

_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC  # inotify_init1(2) takes these
_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200  # sys/inotify.h


class FolderWatch:
    """Watches one folder; `descriptor` becomes readable when a file in it is written, created, moved or removed."""

    def __init__(self, folder: Path) -> None:
        self.descriptor: int | None = None
        try:
            descriptor = libc().inotify_init1(_NONBLOCK | _CLOEXEC)
        except AttributeError:  # a C library without it
            return
        if descriptor < 0:
            return
        mask = ctypes.c_uint32(_MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE)
        if libc().inotify_add_watch(descriptor, os.fsencode(folder), mask) < 0:
            os.close(descriptor)
            return
        self.descriptor = descriptor

    def clear(self) -> None:
        """Drop all changes so far, so that only a later one makes `descriptor` readable again."""
        if self.descriptor is not None:
            drain([self.descriptor])

    def close(self) -> None:
        """End the watch."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
