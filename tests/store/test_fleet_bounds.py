"""Bounds of a line at the hub: it writes its own rows only, and a limited number of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from fleet_lines import KEY
from hubs import Cluster, Hub, cluster  # noqa: F401  a fixture

from hotlined import pseudonym

PERSON = "~000000000001"


@pytest.fixture
def hub(cluster: Cluster) -> Iterator[Hub]:  # noqa: F811
    """Give an empty hub that knows two lines."""
    with cluster.hub(pseudonym.digest(KEY), "fr", "nl") as hub:
        yield hub


def row(person: str = PERSON, version: int = 10, **values: Any) -> dict[str, Any]:
    """Return a row as a line sends it."""
    nothing = dict.fromkeys(("opted_out_at", "blocked_at", "asked", "asked_at", "age"))
    return {"person": person, "version": version, "answers": 0, **nothing, **values}


def ask(hub: Hub, *rows: dict[str, Any], line: str = "fr", base: int = 0, cursor: int = 0) -> dict[str, Any]:
    """Ask as a line that knows the hub."""
    known = hub.ask(line, {"hub": None, "base": 0, "upto": 0, "cursor": 0, "rows": []})["hub"]
    upto = rows[-1]["version"] if rows else base
    return hub.ask(line, {"hub": known, "base": base, "upto": upto, "cursor": cursor, "rows": list(rows)})


def test_line_has_at_most_50000_rows_at_the_hub(hub: Hub) -> None:
    """A full line still changes its rows, and other lines go on."""
    hub.admin.execute(
        "INSERT INTO hotlined.said (line, person, version, answers, place)"
        " SELECT 'fr', '~' || lpad(to_hex(n), 12, '0'), n, 0, n FROM generate_series(1, 50000) n"
    )
    hub.admin.execute("UPDATE hotlined.hub SET place = 50000")
    full = ask(hub, row("~ffffffffffff", 50001), base=50000, cursor=50000)
    assert (full["full"], full["fits"], full["highest"], full["rows"]) == (True, True, 50000, [])
    changed = ask(hub, row("~000000000001", 50001, answers=3), base=50000, cursor=50000)
    assert (changed["full"], changed["fits"], changed["highest"]) == (False, True, 50001)
    assert [(each["person"], each["answers"]) for each in changed["rows"]] == [("~000000000001", 3)]
    assert ask(hub, row(), line="nl", cursor=50000)["fits"]


@pytest.mark.parametrize(
    "rows",
    [
        [row(f"~{number:012x}", number + 1) for number in range(201)],
        [row(padding="x" * 300_000)],
        [row("~00000000000G")],
        [row(answers=-1)],
        [row(version=0)],
        [row(person="+32470000001")],
        [row(opted_out_at="x")],
        [row(opted_out_at="infinity")],
        [row(blocked_at="0044-03-15 BC")],
        [row(asked_at="10000-01-01", asked=1)],
        [row(asked=1)],
        [row(asked=1 << 61, asked_at="2026-11-24T22:18:00Z")],
    ],
    ids=(
        *("rows", "octets", "person", "answers", "version", "number", "time"),
        *("no time", "before", "after", "asked", "asked beyond"),
    ),
)
def test_hub_refuses_malformed_or_too_many_rows(hub: Hub, rows: list[dict[str, Any]]) -> None:
    """It stores no row of that question."""
    import psycopg  # noqa: PLC0415  it is looked for by the fixture

    with pytest.raises(psycopg.Error):
        ask(hub, *rows)
    assert hub.admin.execute("SELECT FROM hotlined.said").rowcount == 0


def test_hub_refuses_versions_that_could_not_be_raised(hub: Hub) -> None:
    """The hub can still lift a decision at the highest version."""
    for beyond in ((1 << 63) - 1, 1 << 59):
        assert ask(hub, row(version=beyond))["highest"] == 0
    top = (1 << 59) - 1
    assert ask(hub, row(version=top, blocked_at="2026-11-24T22:18:00Z"))["fits"]
    hub.admin.execute("ALTER ROLE hotlined_fr NOLOGIN")
    assert hub.admin.execute("SELECT * FROM hotlined.lift('fr')").fetchall() == [(0, 1)]
    lifted = ask(hub, line="nl")["rows"]
    assert [(each["version"], each["blocked_at"]) for each in lifted] == [(top + 1, None)]


def test_hub_takes_the_line_from_the_login(hub: Hub) -> None:
    """Rows cannot name another line; each reads the others' in order."""
    ask(hub, row(line="nl", place=7, age=3600, answers=2))
    ask(hub, row(version=3), line="nl")
    heard = ask(hub, line="nl", base=3)
    assert [(each["line"], each["answers"]) for each in heard["rows"]] == [("fr", 2), ("nl", 0)]
    assert 3600 <= heard["rows"][0]["age"] < 3700
    assert heard["rows"][0]["place"] < heard["rows"][1]["place"]
    assert ask(hub, line="nl", base=3, cursor=heard["rows"][1]["place"])["rows"] == []


def test_repeated_batch_is_stored_once(hub: Hub) -> None:
    """The repetition fits; a batch from before a restore does not."""
    first = ask(hub, row(answers=1))
    second = ask(hub, row(answers=1))
    assert (second["fits"], second["highest"], second["rows"]) == (True, 10, first["rows"])
    other = ask(hub, row(version=12))
    assert (other["fits"], other["highest"], other["rows"]) == (False, 10, [])


def test_hub_returns_figures_of_all_lines_that_may_log_in(hub: Hub) -> None:
    """Only questions with figures get them, and how long lines were away."""
    known = hub.ask("fr", {"hub": None, "base": 0, "upto": 0, "cursor": 0, "rows": []})
    assert known["lines"] is None
    asked = {"hub": known["hub"], "base": 0, "upto": 0, "cursor": 0, "rows": [], "figures": '{"state": "free"}'}
    lines = hub.ask("fr", asked)["lines"]
    assert [(each["line"], each["figures"]) for each in lines] == [("fr", '{"state": "free"}'), ("nl", None)]
    assert (lines[0]["away"], lines[1]["away"]) == (0, None)
    hub.admin.execute("ALTER ROLE hotlined_nl NOLOGIN")
    assert [each["line"] for each in hub.ask("fr", asked)["lines"]] == ["fr"]
