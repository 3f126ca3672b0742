"""Starts the program from this file's folder, which `python3 -I` does not search by itself."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hotlined.cli import main

main(prog_name="hotlined")
