"""The host that checks examine: its configuration, machine, daemon and modem, each looked at only once."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hotlined.config import Config
from hotlined.doctor.probe import BAUDRATE, Probe, probe
from hotlined.errors import ConfigError
from hotlined.gsm import finding
from hotlined.gsm.finding import Candidate, Holder
from hotlined.gsm.responses import Network, Registration
from hotlined.language import N_, _
from hotlined.reports.overview import LineReport, report_line
from hotlined.states import TroubleCode
from hotlined.status import ModemStatus

NO_CONFIGURATION = N_("there is no configuration")
DATABASE_UNREADABLE = N_("the database cannot be read")
NO_WORD = N_("the modem does not say")


@dataclass
class Host:
    """The configuration, or the problem with it; the machine below the folder `root`; the daemon and the modem."""

    config: Config | None
    problem: ConfigError | None = None
    root: Path = Path("/")

    @cached_property
    def report(self) -> LineReport | None:
        """The report of the line, as `status` shows it; None without a configuration."""
        return report_line(self.config) if self.config else None

    @property
    def alive(self) -> bool:
        """Whether the daemon lives."""
        return self.report is not None and self.report.alive

    @property
    def modem(self) -> ModemStatus | None:
        """The modem's status from a living daemon; None without one."""
        return self.report.daemon.modem if self.report and self.report.alive else None

    @cached_property
    def candidates(self) -> list[Candidate]:
        """The ports that may be asked."""
        return finding.candidates(self.root / "sys", self.root / "dev")

    @cached_property
    def ports(self) -> list[str]:
        """The configured port, or all candidates."""
        if self.config and self.config.modem.port != "auto":
            return [self.config.modem.port]
        return [candidate.port for candidate in self.candidates]

    @property
    def has_port(self) -> bool:
        """Whether there is a port behind which a modem may be."""
        return any(not port.startswith("/") or Path(port).exists() for port in self.ports)

    @property
    def baudrate(self) -> int:
        """The speed of the port."""
        return self.config.modem.baudrate if self.config else BAUDRATE

    @cached_property
    def holders(self) -> dict[str, list[Holder]]:
        """The programs that hold ports, without the daemon; ports that no program holds are left out."""
        ours = self.report.daemon.pid if self.report and self.report.alive else None
        all_holders = {port: finding.holders(port, self.root / "proc") for port in self.ports}
        others = {port: [holder for holder in holders if holder.pid != ours] for port, holders in all_holders.items()}
        return {port: holders for port, holders in others.items() if holders}

    @property
    def sees_everybody(self) -> bool:
        """Whether `holders` sees the programs of all users."""
        return os.geteuid() == 0

    @cached_property
    def probe(self) -> Probe:
        """The answers of the modem itself; it is not asked while the daemon has its port."""
        if self.alive:
            return Probe(_("the daemon has the port: stop it to have the modem asked"))
        return probe(self.ports, self.holders, self.baudrate)

    @property
    def network(self) -> Network:
        """Registration, signal and operator, from the daemon or the modem."""
        if (modem := self.modem) is None:
            return self.probe.network
        return Network(
            Registration(modem.registration), modem.signal_percent, modem.operator or "", modem.technology or ""
        )

    @property
    def denies_circuits(self) -> bool:
        """Whether the network accepts the SIM only for LTE, from the daemon or the modem."""
        if self.modem:
            return self.report is not None and self.report.maybe(TroubleCode.VOLTE_ONLY) is not None
        return self.probe.network.denies_circuits

    def running(self, program: str) -> bool:
        """Tell whether a program runs, by the name of its process."""
        names = (text_of(folder / "comm") for folder in (self.root / "proc").glob("[0-9]*"))
        return program in names


def text_of(path: Path) -> str:
    """Return the text of a file of the machine; empty if it cannot be read."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
