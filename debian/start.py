"""Starts the program from the folder of the package, where this file is: `python3 -I` knows no other than Debian's own."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

from hotlined.cli import main

main(prog_name="hotlined")
