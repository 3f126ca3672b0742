"""`hotlined config`: its check, and the configuration that is in force."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from filled import Filled
from hypothesis import given, settings
from hypothesis import strategies as st
from running import CliRunner

from hotlined import config as configuration
from hotlined.cli import main
from hotlined.reports.limits import worst_case
from hotlined.states import ModemState
from hotlined.store.line.line_row import bind_sim


def judged(folder: Path, **sections: Any) -> str:
    """Return the output of `config check` for a configuration."""
    line = Filled(folder, **sections)
    line.db.close()
    result = line.run("config", "check")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_check_of_a_sound_configuration_names_its_costs(tmp_path: Path) -> None:
    """The cost of an answer and the highest spending are printed.

    There is no warning.
    """
    text = judged(tmp_path, limits={"price_per_segment": 0.05})

    assert f"{tmp_path / 'main.yaml'} is fine." in text
    assert "The answer takes 2 segments (0.10 EUR) in gsm7. The phone joins them and shows:" in text
    assert (
        "60 segments (3.00 EUR) in an hour, 300 segments (15.00 EUR) in a day, 3,000 segments (150.00 EUR) in 30 days"
        in text
    )
    assert "Careful" not in text


@pytest.mark.parametrize(
    ("sections", "warning"),
    [
        ({"answer": {"text": "« Non, c'est non. »"}}, "the text is between « and »: these marks are part of the"),
        ({"answer": {"texts": ["Non.", "“Non, c’est non.”"]}}, "the text is between “ and ”"),
        ({"answer": {"text": "x", "delay": "0s"}}, "answer.delay"),
        ({"answer": {"text": "x", "delay": "9m59s"}}, "answer.delay begins below 10m: an answer may arrive"),
        ({"answer": {"text": "x", "delay": ["30s", "60m"]}}, "answer.delay"),
        ({"limits": {"per_number": 0}}, "limits.per_number is 0"),
        ({"limits": {"segments": {"day": 0}}}, "nothing is ever sent"),
        ({"limits": {"segments": {"hour": 1}}}, "no room for an answer of 2 segments"),
        ({"limits": {"segments": {"hour": 400, "day": 300}}}, "more in one period than in a longer one"),
        ({"limits": {"reserve_for_new": "100%"}}, "limits.reserve_for_new"),
        ({"limits": {"cooldown": ["24h", "0s"]}}, "limits.cooldown"),
        ({"limits": {"cooldown": "1m", "per_number": 50}}, "soon has all 50 answers of limits.per_number"),
        ({"numbers": {"answer_countries": []}}, "numbers.answer_countries"),
        ({"line_number": "+33612345678", "numbers": {"country": "BE"}}, "The SIM is of France, and numbers of"),
        ({"alerts": {"words": ["tue"]}}, "A text with a word of alerts.words raises an alert, and that goes nowhere"),
        ({"alerts": {"digest": "weekly"}}, "alerts.digest: no alerts.urls and no alerts.urls_file"),
        ({"web": {"people": {"anna": "reader"}, "ask": "Anna, 0470"}}, "web.people without web.hosts"),
        ({"web": {"people": {"anna": "reader"}, "hosts": ["d.example"]}}, "web.people without web.ask"),
    ],
)
def test_a_risky_setting_gets_one_warning(tmp_path: Path, sections: dict[str, Any], warning: str) -> None:
    """Each setting that is allowed but probably a mistake gets one sentence."""
    (line,) = [line for line in judged(tmp_path, **sections).splitlines() if line.startswith("Careful: ")]

    assert warning in line


def test_a_delay_of_ten_minutes_is_not_a_warning(tmp_path: Path) -> None:
    """She is gone by then."""
    assert "Careful" not in judged(tmp_path, answer={"text": "x", "delay": ["10m", "11m"]})


@pytest.mark.parametrize(
    ("imsi", "number", "country"),
    [
        ("208011234567890", None, "France"),
        ("234101234567890", None, "the United Kingdom"),
        ("262011234567890", "+31612345678", "the Netherlands"),
        ("208011234567890", "+32470123456", None),
        ("208011234567890", "+4915112345678", "Germany"),
        ("206012345678901", None, None),
        ("901012345678901", None, None),
        ("901012345678901", "+14155550100", None),
        ("", None, None),
    ],
)
def test_a_sim_of_a_country_that_is_not_answered_is_named(
    tmp_path: Path, imsi: str, number: str | None, country: str | None
) -> None:
    """Its number counts first, else its IMSI; the check and `status` say so, and that is no failure."""
    line = Filled(tmp_path, numbers={"country": "BE"})
    with line.db, line.db.transaction():
        bind_sim(line.db, "359000000000001", imsi)
        line.db.execute("UPDATE line_state SET own_number = ?", number)
    line.daemon_runs(modem=ModemState.READY)
    said, status = (" ".join(line.run(*words).stdout.split()) for words in (("config", "check"), ("status",)))
    document = json.loads(line.run("status", "--json").stdout)

    for words in (said, status):
        assert (f"The SIM is of {country}, and numbers of {country} are not answered." in words) is bool(country)
    assert said.count("Careful: ") == bool(country)
    assert [(each["code"], each["warning"]) for each in document["trouble"]] == [("sim_country", True)] * bool(country)
    assert line.run("status").exit_code == 0

    if country:
        answered = {"numbers": {"answer_countries": ["FR", "GB", "NL", "DE"]}}
        line.config.write_text(json.dumps(line.settings | answered))
        assert "Careful: " not in line.run("config", "check").stdout


def test_check_makes_no_database(tmp_path: Path) -> None:
    """The SIM is then not known."""
    path = tmp_path / "main.yaml"
    path.write_text("answer: {text: Non}\ndatabase: none.db\n")
    done = CliRunner().invoke(main, ["--config", str(path), "config", "check"])
    assert (done.exit_code, "Careful" in done.stdout, (tmp_path / "none.db").exists()) == (0, False, False)


def test_quotes_within_an_answer_are_not_a_warning(tmp_path: Path) -> None:
    """Quotations at both ends are not stray quotation marks."""
    assert "Careful" not in judged(tmp_path, answer={"text": "« Salut » ? Je ne dis pas « oui »"})


def test_check_shows_the_answer_as_it_is_sent(tmp_path: Path) -> None:
    """Replaced characters are counted; no cost is named without a price."""
    typed = "C’est “non”, même à l’œil… " * 10
    text = judged(tmp_path, answer={"text": typed})
    shown = dict(re.findall(r"^  (text|replaced) +(.*)$", text, re.MULTILINE))

    assert "The answer takes 2 segments in gsm7. The phone joins them and shows:\n" in text
    assert "EUR" not in text
    assert list(shown) == ["text", "replaced"]
    assert shown["text"] == ("C'est \"non\", meme à l'oeil... " * 10).strip()
    assert shown["replaced"].startswith("’ by \"'\", 20 times, “ by '\"', 10 times, ”")
    assert "  replaced     nothing\n" in judged(tmp_path, answer={"text": "Non."})


def test_a_missing_pin_file_is_an_error(tmp_path: Path) -> None:
    """Check and start end with 78: the SIM would stay locked."""
    line = Filled(tmp_path, modem={"pin_file": "pin"})
    line.db.close()
    for command in (("config", "check"), ("run", "--once"), ("run",)):
        result = line.run(*command)
        assert result.exit_code == 78
        assert f"Error: modem.pin_file: there is no {tmp_path / 'pin'}, so" in " ".join(result.stderr.split())
    assert line.run("log").exit_code == 0
    (tmp_path / "pin").write_text("1234")
    assert "Careful" not in judged(tmp_path, modem={"pin_file": "pin"})


def test_a_missing_file_of_alert_urls_is_named(tmp_path: Path) -> None:
    """The check finds it before an alert is due."""
    missing = f"Careful: alerts.urls_file: there is no {tmp_path / 'urls'}, so"
    assert missing in judged(tmp_path, alerts={"urls_file": "urls"})
    (tmp_path / "urls").write_text("json://localhost")
    assert "Careful" not in judged(tmp_path, alerts={"urls_file": "urls"})


def test_each_of_several_answers_is_judged(tmp_path: Path) -> None:
    """Each has its number, and an expensive character is named."""
    text = judged(tmp_path, answer={"texts": ["non", "non ★"]})

    assert "Answer 1 takes 1 segment in gsm7. The phone shows:" in text
    assert "Answer 2 takes 1 segment in ucs2 because of ★. The phone shows:\n  text         non ★\n" in text


def test_one_segment_is_named_in_the_singular(tmp_path: Path) -> None:
    """A worst case of one segment is written in the singular."""
    limits = {"segments": {"hour": 1}, "price_per_segment": 0.05}

    assert "1 segment (0.05 EUR) in an hour, 24 segments" in judged(tmp_path, limits=limits)


def test_problems_name_the_file_as_it_was_given(tmp_path: Path) -> None:
    """The path stays as typed; a mistyped phone number stays unshown."""
    line = Filled(tmp_path)
    line.db.close()
    line.config.write_text("answer: {text: x}\nnumbers: {blocked: [12x]}\n")
    result = line.run("config", "check")

    assert f"  {line.config}:2: numbers.blocked: entry 1: " in result.stderr
    assert "got something else (not shown)\n" in result.stderr


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    """A broken configuration ends with 78 and all its problems."""
    line = Filled(tmp_path)
    line.db.close()
    line.config.write_text("mod: live\nanswer: {text: x, delay: soon}\n")
    result = line.run("config", "check")

    assert result.exit_code == 78
    assert "main.yaml:1: mod:" in result.stderr
    assert "main.yaml:2: answer.delay:" in result.stderr


def test_show_can_be_read_again_and_keeps_secrets(tmp_path: Path) -> None:
    """The YAML gives the same configuration; a PIN is left out."""
    line = Filled(tmp_path, modem={"pin": "8246"})
    line.db.close()
    shown = line.run("config", "show").stdout

    assert "8246" not in shown
    again = configuration.parse(shown.replace('pin: "***"', "pin: 8246"), line.config)
    assert again == configuration.load(line.config)


@settings(deadline=None)
@given(hour=st.integers(0, 100), day=st.integers(0, 1000), month=st.integers(0, 9000))
def test_the_worst_case_is_within_every_window(hour: int, day: int, month: int) -> None:
    """No worst case exceeds a longer window's or its shorter windows' sum."""
    text = f"answer: {{text: x}}\nlimits: {{segments: {{hour: {hour}, day: {day}, month: {month}}}}}"
    worst = worst_case(configuration.parse(text, Path("main.yaml")).limits)

    assert worst["hour"] <= worst["day"] <= worst["month"]
    assert worst["hour"] <= hour
    assert worst["day"] <= min(day, 24 * hour)
    assert worst["month"] <= min(month, 30 * day)
    assert (worst["month"] == month) or (worst["month"] in {30 * day, 720 * hour})
