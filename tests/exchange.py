"""The exchange of a line with its hub as a service that hardly waits: `python tests/exchange.py CONFIGURATION`."""

import sys
from pathlib import Path

from hotlined import config as configuration
from hotlined.fleet.service import Pace, Service

if __name__ == "__main__":
    path = Path(sys.argv[1])
    Service(lambda: configuration.load(path), Pace(look=0.1, read=0.3, pauses=(0.2,))).run()
