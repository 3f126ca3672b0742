"""The daemon's status as one value, written and read back, even from another version or a damaged file."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import extent
import pytest
from conftest import Line, wait_until
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined import config as configuration
from hotlined.machine.clock import boottime
from hotlined.reports.trouble import said
from hotlined.status import DaemonStatus, DaemonTrouble, ModemStatus, Storage

texts = st.none() | st.text(max_size=20)
numbers = st.integers(0, 2**40)
modems = st.builds(
    ModemStatus,
    state=texts,
    since=texts,
    step=texts,
    steps=numbers,
    undeletable=numbers,
    port=texts,
    manufacturer=texts,
    model=texts,
    operator=texts,
    registration=st.text(max_size=9),
    signal_percent=st.none() | numbers,
    technology=texts,
    sms_service=texts,
    storages=st.lists(st.builds(Storage, name=st.text(max_size=4), used=numbers, total=numbers), max_size=3).map(tuple),
)
values = st.dictionaries(
    st.text(max_size=5), st.text(max_size=5) | numbers | st.lists(st.text(max_size=5), max_size=3), max_size=3
)
troubles = st.builds(DaemonTrouble, code=st.text(), cause=texts, values=values, since=texts)
statuses = st.builds(
    DaemonStatus,
    pid=st.none() | numbers,
    version=texts,
    line=st.text(max_size=9),
    config=st.text(max_size=9),
    database=st.text(max_size=9),
    since=texts,
    last_scan_at=texts,
    modem=modems,
    sim_changed=st.booleans(),
    database_state=st.text(max_size=9),
    database_file=st.none() | st.tuples(numbers, numbers),
    balance_asked_at=texts,
    trouble=st.lists(troubles, max_size=3).map(tuple),
    pass_boottime=st.floats(allow_nan=False),
    alive_seconds=st.floats(allow_nan=False),
)


@settings(max_examples=extent.examples(25, 100))
@given(statuses)
def test_a_written_status_is_read_back_the_same(status: DaemonStatus) -> None:
    """No value is lost or changed between the daemon and a reader."""
    assert DaemonStatus.from_json(status.to_json()) == status


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=extent.examples(50, 100))
@given(statuses, st.dictionaries(st.sampled_from([*DaemonStatus.__dataclass_fields__, "later"]), junk))
def test_unknown_parts_of_a_status_are_left_out(status: DaemonStatus, altered: dict[str, Any]) -> None:
    """A field of the wrong type is missing; others are read."""
    read = DaemonStatus.from_json(json.dumps(json.loads(status.to_json()) | altered))

    for name in DaemonStatus.__dataclass_fields__.keys() - altered.keys():
        assert getattr(read, name) == getattr(status, name)
    assert isinstance(read.is_alive(), bool)


@given(st.lists(st.dictionaries(st.sampled_from(["code", "cause", "values", "since"]), junk), max_size=3))
def test_superfluous_values_of_a_trouble_are_left_out(written: list[dict[str, Any]]) -> None:
    """Forged or later values cause no crash and no long line."""
    document = json.loads(DaemonStatus().to_json()) | {"trouble": written}
    config = configuration.parse("answer: {text: Non.}\n", Path("main.yaml"))
    for trouble in DaemonStatus.from_json(json.dumps(document)).trouble:
        assert said(trouble, config).sentences


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"pid": 1}', '{"pid": 1, "modem": {}}'])
def test_another_file_is_not_a_status(text: str) -> None:
    """Any other content of that file is refused."""
    with pytest.raises(ValueError, match=r".*"):
        DaemonStatus.from_json(text)


def test_a_daemon_lives_while_its_process_and_passes_go_on() -> None:
    """An old pass or another boot is no sign of life."""
    now = boottime()

    assert DaemonStatus(pid=os.getpid(), pass_boottime=now).is_alive()
    assert not DaemonStatus(pid=os.getpid(), pass_boottime=now - 181).is_alive()
    assert not DaemonStatus(pid=os.getpid(), pass_boottime=now + 1e6).is_alive()
    assert not DaemonStatus(pid=2**22 + 1, pass_boottime=now).is_alive()
    assert not DaemonStatus(pass_boottime=now).is_alive()


def test_a_name_belongs_to_one_line(line: Line) -> None:
    """A second daemon in the folder ends with 78.

    It names the living daemon of another database.

    Two configurations with one name would overwrite each other's status; once the other has ended, it serves.
    """
    line.start()
    line.wait_state("ready")
    elsewhere = line.folder / "elsewhere"
    elsewhere.mkdir()
    config = elsewhere / line.config.name
    settings = line.settings | {"database": "other.db", "modem": {"port": str(elsewhere / "none")}}
    config.write_text(json.dumps(settings))
    words = [sys.executable, "-m", "hotlined", "--config", str(config), "run"]
    refused = subprocess.run(words, capture_output=True, text=True, check=False)

    assert refused.returncode == 78
    assert line.daemon
    said = " ".join(refused.stderr.split())
    assert f"has the status of the daemon of {line.config} (process {line.daemon.pid})" in said
    assert "another name, or another runtime_dir" in said
    assert not (elsewhere / "other.db").exists()
    assert line.status()["database"] == str(line.database)
    line.stop(signal.SIGKILL)
    with subprocess.Popen(words) as other:
        wait_until(lambda: line.status().get("database") == str(elsewhere / "other.db"), "that it serves")
        other.terminate()
