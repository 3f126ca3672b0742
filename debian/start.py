"""Starts the program from the folder of the package, where this file is: `python3 -I` knows none but Debian's own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hotlined.cli import main

main(prog_name="hotlined")
