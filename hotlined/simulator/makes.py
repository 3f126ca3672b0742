"""What differs from make to make, as data: another make is another row of `MAKES`.

A row changes names, what is said at start, where indexes begin and what settings are from the
factory; it holds no code. The rows imitate what these makes are known for; no hardware was at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Make:
    """One make of modem; `factory` holds the settings that are not the standard's, by command."""

    manufacturer: str
    model: str
    revision: str
    boot: tuple[str, ...] = ("RDY", "+CFUN: 1", "+CPIN: {pin}", "Call Ready", "SMS Ready")
    first_index: int = 1
    factory: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


MAKES = {
    "generic": Make("Hotlined", "Simulator", "1"),
    "huawei": Make("huawei", "E173", "11.126.85.00.209", boot=("^SIMST:1", "^SRVST:2", "^RSSI:18"), first_index=0),
    "sim800": Make("SIMCOM_Ltd", "SIMCOM_SIM800L", "Revision:1418B05SIM800L24", factory={"+CMGF": (1,)}),
}
