"""The configuration in force: while a daemon lives, every command and page goes by it, and promises what it does."""

from conftest import Line, wait_until
from desk import Desk
from filled import KEVIN
from promised import begin, told

from hotlined.reports import in_force


def test_all_promise_by_what_the_daemon_has(line: Line) -> None:
    """`show`, `limits`, `status`, `config show` and the desk agree with the daemon, whatever the file says since."""
    line.configure(limits={"cooldown": "0s", "per_number": 3, "segments": {"hour": 7}})
    begin(line)
    line.sim.do("deliver", from_=KEVIN, text="t'es où ?")
    wait_until(lambda: len(line.submitted()) == 1 and line.settled(), "the first answer")
    line.configure(
        limits={"per_number": 1, "segments": {"hour": 8}, "price_per_segment": 1},
        numbers={"blocked": ["+32470999999"], "country": "FR"},
        answer={"text": "Jamais."},
    )

    outlook = told(line, "show", "0470123456")["next"]
    assert (outlook["answer"], outlook["reason"]) == (True, "cooldown_over")
    assert told(line, "limits")["windows"]["hour"]["limit"] == 7
    assert told(line, "limits")["answers"] == [{"segments": 1, "price": None}]
    assert told(line, "status")["budgets"]["hour"]["limit"] == 7
    assert [each["code"] for each in told(line, "status")["trouble"]] == ["config_differs"]
    assert not line.cli("numbers", "--blocked", "--json")
    assert "per_number: 3" in line.cli("config", "show")
    with Desk(line.config) as desk:
        page = desk.browser().get("/contact/1").words
    assert "had all the answers" not in page
    assert "Jamais." not in page
    line.sim.do("deliver", from_=KEVIN, text="tu réponds ?")  # in the same second the same text would be a copy
    wait_until(lambda: len(line.submitted()) == 2, "the second answer")


def test_the_file_counts_once_the_daemon_is_gone(line: Line) -> None:
    """The next daemon will start with it."""
    line.configure(limits={"segments": {"hour": 7}})
    begin(line)
    line.configure(limits={"segments": {"hour": 8}})
    with Desk(line.config) as desk:
        browser = desk.browser()
        assert "hour07" in browser.get("/").words
        line.end()
        assert told(line, "limits")["windows"]["hour"]["limit"] == 8
        assert "hour08" in browser.get("/").words


def test_a_file_counts_again_once_it_is_mended(line: Line) -> None:
    """A desk that began while it was broken does not go on by what the daemon had then."""
    begin(line)
    sound = line.config.read_text()
    line.config.write_text("mod: live\n" + sound)
    begun = in_force.read(line.config)
    assert begun.broken
    line.config.write_text(sound)
    line.reload(limits={"segments": {"hour": 8}})

    now = in_force.current(begun)
    assert (now.broken, now.limits.segments.hour) == (None, 8)
