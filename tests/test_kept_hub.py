"""The hub that tests have in common is a new one to each of them."""

import kept_hub
import psycopg
import pytest
from postgres import Cluster, cluster
from test_fleet import STOP, Enter, enter, hub

__all__ = ["cluster", "enter", "hub"]


def asked(hub: str, *statements: str) -> list[tuple[object, ...]]:
    """Have whoever owns the hub say something, and return what the last statement answers."""
    with psycopg.connect(hub, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
        return list(cursor.fetchall()) if cursor.description else []


def made_again(cluster: Cluster) -> list[str]:
    """Give the hub to the next test, and return where another was made for it."""
    made: list[str] = []
    kept_hub.give(cluster, made.append)
    return made


def test_rows_are_gone_and_the_name_is_another(enter: Enter, hub: str, cluster: Cluster) -> None:
    """What a test had a line say is not there for the next, whose places begin anew; nothing is made for that."""
    fr = enter("fr")
    fr.receive(STOP)
    fr.sync()
    names = "SELECT id FROM hotlined.hub"
    before = asked(hub, names)
    assert asked(hub, "SELECT count(*) FROM hotlined.persons") == [(1,)]

    assert made_again(cluster) == []
    for table in ("persons", "answers", "lines"):
        assert asked(hub, f"SELECT * FROM hotlined.{table}") == []
    assert asked(hub, "SELECT nextval('hotlined.places')") == [(1,)]
    assert len(after := asked(hub, names)) == 1
    assert after != before


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION hotlined.left_behind() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION hotlined.report(said text) RETURNS void LANGUAGE sql AS ''",
        "GRANT DELETE ON hotlined.persons TO PUBLIC",
        "ALTER TABLE hotlined.persons DISABLE TRIGGER place",
        "ALTER TABLE hotlined.lines DROP figures",
        "DELETE FROM hotlined.migrations",
        "ALTER ROLE postgres CONNECTION LIMIT -1",
        "DROP SCHEMA hotlined CASCADE",
    ],
)
def test_what_is_more_than_rows_has_another_made(hub: str, cluster: Cluster, statement: str) -> None:
    """Functions, rights, triggers, columns, migrations and roles that a test has touched come to no other."""
    asked(hub, statement)

    assert made_again(cluster) == [hub]
