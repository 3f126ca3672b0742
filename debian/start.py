"""Starts the program from the folder of the package: `python3 -I` knows no other than Debian's own."""

import sys

sys.path.insert(0, "/usr/share/hotlined")

from hotlined.cli import main

main(prog_name="hotlined")
