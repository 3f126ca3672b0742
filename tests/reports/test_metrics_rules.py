"""The alert rules for Prometheus, judged over time by its own promtool."""

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from needs import needs
from test_metrics import NAMES

from hotlined.states import ModemState, SendingState, TroubleCode

pytestmark = needs("promtool")
RULES = Path(__file__).parents[2] / "docs/prometheus/hotlined.rules.yml"
ALERTS = {rule["alert"]: rule for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
LINE = 'instance="pi",line="fr"'
FILE = 'node_textfile_mtime_seconds{instance="pi",file="/run/metrics/hotlined-main.prom"}'

# for each alert: series that raise it, a minute apart, its first time, and series of a sound line
CASES: dict[str, tuple[dict[str, str], str, dict[str, str]]] = {
    "HotlinedFiguresOld": ({FILE: "0x60"}, "6m", {FILE: "0+60x60"}),
    "HotlinedFiguresMissing": ({f"hotlined_up{{{LINE}}}": "1 1 _x60"}, "20m", {f"hotlined_up{{{LINE}}}": "1x60"}),
    "HotlinedDown": ({f"hotlined_up{{{LINE}}}": "0x60"}, "5m", {f"hotlined_up{{{LINE}}}": "1x60"}),
    "HotlinedModemNotReady": (
        {f'hotlined_modem_state{{{LINE},state="ready"}}': "0x60"},
        "10m",
        {
            f'hotlined_modem_state{{{LINE},state="ready"}}': "1 0 0 0 0 0 0 0 0 0 1x50",
            f'hotlined_modem_state{{{LINE},state="absent"}}': "0x60",
        },
    ),
    "HotlinedScanOld": (
        {f"hotlined_up{{{LINE}}}": "1x60", f"hotlined_last_scan_timestamp_seconds{{{LINE}}}": "0x60"},
        "16m",
        {f"hotlined_up{{{LINE}}}": "1x60", f"hotlined_last_scan_timestamp_seconds{{{LINE}}}": "0+60x60"},
    ),
    "HotlinedAnswersHeldBack": (
        {
            f'hotlined_sending_state{{{LINE},state="trial"}}': "1 1 1 1 1 0x60",
            f'hotlined_sending_state{{{LINE},state="held"}}': "0 0 0 0 0 1x60",
        },
        "15m",
        {
            f'hotlined_sending_state{{{LINE},state="free"}}': "1x60",
            f'hotlined_sending_state{{{LINE},state="held"}}': "0x60",
            f'hotlined_sending_state{{{LINE},state="paused"}}': "1x60",
        },
    ),
    "HotlinedPaused": (
        {f'hotlined_sending_state{{{LINE},state="paused"}}': "1x90"},
        "1h",
        {f'hotlined_sending_state{{{LINE},state="paused"}}': "0x90"},
    ),
    "HotlinedBudgetNearlySpent": (
        {
            f'hotlined_budget_used_segments{{{LINE},window="hour"}}': "55x60",
            f'hotlined_budget_limit_segments{{{LINE},window="hour"}}': "60x60",
        },
        "5m",
        {
            f'hotlined_budget_used_segments{{{LINE},window="hour"}}': "30x60",
            f'hotlined_budget_limit_segments{{{LINE},window="hour"}}': "60x60",
            f'hotlined_budget_used_segments{{{LINE},window="day"}}': "0x60",
            f'hotlined_budget_limit_segments{{{LINE},window="day"}}': "0x60",
        },
    ),
    "HotlinedStorageNearlyFull": (
        {
            f'hotlined_storage_used{{{LINE},storage="SM"}}': "28x60",
            f'hotlined_storage_slots{{{LINE},storage="SM"}}': "30x60",
        },
        "10m",
        {
            f'hotlined_storage_used{{{LINE},storage="SM"}}': "3x60",
            f'hotlined_storage_slots{{{LINE},storage="SM"}}': "30x60",
        },
    ),
    "HotlinedAnswersFail": (
        {f'hotlined_trouble{{{LINE},code="answers_fail"}}': "_ _ _ _ _ 1x60"},
        "45m",
        {f'hotlined_trouble{{{LINE},code="country_outage"}}': "1x60"},
    ),
    "HotlinedBalanceLow": (
        {f"hotlined_balance{{{LINE}}}": "4.5x60"},
        "5m",
        {f"hotlined_balance{{{LINE}}}": "7.5x60"},
    ),
}


Fired = set[tuple[str, str, str]]


def tried(name: str, series: dict[str, str], asked: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return promtool's test of a line: its series, and that none of these alerts is raised at its time."""
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": []} for alert, at in asked],
    }


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> Fired:
    """Give each alert that promtool found against the test: its line, name and time."""
    well = {name: values for _, _, series in CASES.values() for name, values in series.items()}
    document = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            *(tried(alert, wrong, [(alert, at), (alert, "1m")]) for alert, (wrong, at, _) in CASES.items()),
            *(tried(f"{alert}, well", well, [(alert, at)]) for alert, (_, at, well) in CASES.items()),
            tried(
                "all well",
                {name: values for name, values in well.items() if "paused" not in name},
                [(alert, "55m") for alert in CASES],
            ),
        ],
    }
    path = tmp_path_factory.mktemp("rules") / "test.yml"
    path.write_text(json.dumps(document))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    found = re.findall(r"name: (.+),\s+alertname: (\w+), time: (\w+),", done.stderr)
    assert done.stderr.count("exp:") == len(found) > 0, done.stdout + done.stderr
    return set(found)


def test_promtool_takes_the_rules() -> None:
    """Names and expressions are valid."""
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_each_rule_is_tried() -> None:
    """Each has a case, a sentence and a reference."""
    assert CASES.keys() == ALERTS.keys()
    for rule in ALERTS.values():
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in {"warning", "critical"}


@pytest.mark.parametrize("alert", CASES)
def test_a_rule_fires_after_its_time(alert: str, fired: Fired) -> None:
    """It does not fire at the beginning, nor for a sound line."""
    _, at, _ = CASES[alert]

    assert (alert, alert, at) in fired
    assert (alert, alert, "1m") not in fired
    assert (f"{alert}, well", alert, at) not in fired


def test_no_rule_fires_for_a_sound_line(fired: Fired) -> None:
    """All sound series come together for an hour, without a pause."""
    assert [alert for line, alert, _ in fired if line == "all well"] == []


def test_rules_use_existing_figures() -> None:
    """`hotlined metrics` writes each name, state and code of their expressions."""
    words = {*ModemState, *SendingState, *TroubleCode}
    for rule in ALERTS.values():
        names = set(re.findall(r"\bhotlined_\w+", rule["expr"]))
        assert names <= NAMES.keys()
        used = "|".join(re.findall(r'(?:state|code)=~?"([^"]+)"', rule["expr"])).split("|")
        assert set(filter(None, used)) <= words
