"""Run code as another user: as_person.py UID GID[,GID…] CODE [ARGUMENT…].

This Python may lie where nobody but root can read, so all that is imported later is imported before.
"""

import encodings
import importlib
import os
import pkgutil
import sys

import hotlined

for found in pkgutil.walk_packages(hotlined.__path__, "hotlined."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
for found in pkgutil.iter_modules(encodings.__path__, "encodings."):
    if found.name not in ("encodings.mbcs", "encodings.oem"):  # of another system
        importlib.import_module(found.name)
for name in ("phonenumbers.data.region_BE", "rich.console", "rich.progress", "rich.table"):
    importlib.import_module(name)

uid, gids, code = int(sys.argv[1]), [int(gid) for gid in sys.argv[2].split(",")], sys.argv[3]
sys.argv = ["hotlined", *sys.argv[4:]]
os.setgroups(gids[1:])
os.setresgid(gids[0], gids[0], gids[0])
os.setresuid(uid, uid, uid)
exec(code)
