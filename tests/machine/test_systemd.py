"""The watchdog time that systemd hands to the daemon."""

import pytest

from hotlined.machine import systemd


@pytest.mark.parametrize(("given", "seconds"), [("3000000", 1.5), ("", 10.0), ("odd", 10.0)])
def test_watchdog_is_fed_twice_within_its_time(given: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """This bounds the sleep of the loop."""
    monkeypatch.setenv("WATCHDOG_USEC", given)
    assert systemd.watchdog_seconds(10.0) == seconds
