"""Runs our driver with every recording of a stick in tests/data/sticks, or with named files: `scripts/run recorded`.

It judges nothing: for each stick it prints the results of initialisation, listing and submission, and which answers
were recorded. All others are the simulator's: no stick was recorded while it deleted or sent.
"""

import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "harness"))

import click
from replaying import NUMBER, STICKS, replayed

from hotlined.errors import HotlinedError
from hotlined.gsm import tpdu
from hotlined.gsm.address import parse_number
from hotlined.gsm.alphabet import plan
from hotlined.gsm.modem import Modem
from hotlined.gsm.port import Port
from hotlined.gsm.recording import parse

SECONDS = 15.0  # for one submission


def say(what: str, *words: object) -> None:
    """Print one finding."""
    click.echo(f"  {what:13} {' '.join(map(str, words))}")


def try_out(modem: Modem) -> None:
    """Do with a modem what the daemon does, and print the results."""
    modem.begin()
    say("make", modem.profile.name)
    say("SIM", modem.sim_state()[0])
    who = modem.initialise()
    say("who", who.manufacturer, "/", who.model)
    say("storages", ", ".join(f"{use.name} {use.used}/{use.total}" for use in modem.storages.uses))
    modem.verify()
    network = modem.network()
    say("registration", network.registration, "at", network.operator)
    for storage in modem.storages.names:
        for entry in modem.storages.list(storage).entries:
            message = tpdu.decode(entry.pdu)
            say("listed", storage, entry.index, message.content.text if isinstance(message, tpdu.Deliver) else message)
            say("deleted", modem.storages.delete(storage, entry.index), "(by the simulator)")
    (segment,) = tpdu.encode_submit(parse_number(NUMBER, "BE"), plan("Non, c'est non."))
    say("submitted", modem.submit(segment.pdu, segment.tpdu_length, SECONDS), "(to the simulator)")


def main() -> None:
    """Try every recorded stick."""
    for path in [Path(name) for name in sys.argv[1:]] or sorted(STICKS.glob("*.txt")):
        recording = parse(path.read_text(encoding="ascii"))
        click.echo(f"{path.stem}: {recording.comments[0]}")
        with tempfile.TemporaryDirectory() as folder, replayed(recording, Path(folder), me_size=5) as replay:
            port = Port(replay.name)
            try:
                try_out(Modem(port, lambda _: None))
            except HotlinedError as error:
                say("ends with", error.message)
            finally:
                port.close()
            say("recorded", ", ".join(replay.recorded) or "nothing that is asked")
            say("simulated", ", ".join(replay.simulated) or "nothing")


if __name__ == "__main__":
    main()
