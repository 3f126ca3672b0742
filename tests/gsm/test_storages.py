"""A storage has three witnesses, its count, its listing and its slots; a deletion has one, the next listing.

The modem's lies are faults of the simulator.
"""

from typing import Any

from conftest import Line, Open, wait_until

from hotlined.states import TroubleCode

PDU = "07912374151616F6040B912374103254F600009621133295950005E8329BFD06"
DRAFT = "0011000B912374103254F60000AA05E8329BFD06"
SOON = {"delete_pauses": [0.2], "dialogue": {"slots_again": 1.0}}


def deliver(line: Line, *numbers: int) -> None:
    """Deliver a text from each of these numbers."""
    for number in numbers:
        line.sim.do("deliver", from_=f"+324700000{number:02}", text=f"coucou {number}")


def recorded(line: Line) -> int:
    """Count the recorded segments."""
    return line.count("SELECT count(*) FROM segments")


def answered(line: Line) -> list[str]:
    """Return who was answered."""
    return sorted(text["recipient"] for text in line.submitted())


def codes(line: Line) -> list[str]:
    """Return the codes of the daemon's troubles."""
    return [each["code"] for each in line.status().get("trouble", [])]


def entries(line: Line, storage: str) -> list[dict[str, Any]]:
    """Return the entries of a storage."""
    return list(line.sim.do("state")["storages"][storage]["entries"])


# A deletion


def test_a_deletion_that_is_only_promised_is_a_refusal(open_line: Open) -> None:
    """The text stays one segment without repeats, is deleted once the SIM deletes, and is answered once."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="delete_ignored")
    deliver(line, 1, 2)
    line.start(SOON)
    wait_until(lambda: len(line.submitted()) == 2)
    line.wait_more("+CMGD", 6)

    assert line.status()["modem"]["undeletable"] == 2
    assert recorded(line) == 2
    assert line.rows("SELECT DISTINCT repeats FROM contacts") == [(0,)]
    assert line.count("SELECT count(*) FROM events WHERE kind = 'delete_refused'") == 2
    line.sim.do("clear")
    wait_until(line.settled)
    wait_until(lambda: line.status()["modem"]["undeletable"] == 0)
    wait_until(lambda: line.count("SELECT count(*) FROM segments WHERE deleted_at IS NULL") == 0)
    assert recorded(line) == 2
    assert len(line.submitted()) == 2


def test_a_kept_text_is_known_after_a_restart(open_line: Open) -> None:
    """Neither the start of the daemon nor a power cut makes a repeat of it."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="delete_ignored")
    deliver(line, 1)
    line.start(SOON)
    wait_until(lambda: len(line.submitted()) == 1)
    line.stop()
    line.start(SOON)
    line.wait_more("+CMGD", 3)

    assert recorded(line) == 1
    assert line.rows("SELECT repeats FROM contacts") == [(0,)]
    assert len(line.submitted()) == 1


def test_a_forgotten_person_whose_text_stays_is_not_recorded_again(open_line: Open) -> None:
    """The SIM goes on showing the text after `forget`; nobody is recorded or answered for it."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="delete_ignored")
    deliver(line, 1)
    line.start(SOON)
    wait_until(lambda: len(line.submitted()) == 1)
    line.cli("forget", "+32470000001", "--yes")
    line.wait_more("+CMGL", 4)

    assert line.count("SELECT count(*) FROM contacts") == 0
    assert len(line.submitted()) == 1
    line.sim.do("clear")
    wait_until(line.settled)
    wait_until(lambda: line.count("SELECT count(*) FROM segments WHERE deleted_at IS NULL") == 0)
    assert line.count("SELECT count(*) FROM contacts") == 0


def test_the_network_repeats_a_text_after_its_deletion(open_line: Open) -> None:
    """The same PDU after a listing without it is a repeat."""
    line = open_line(me_size=0)
    line.sim.do("store", pdu=PDU)
    line.start()
    wait_until(lambda: len(line.submitted()) == 1 and line.settled())
    wait_until(lambda: line.count("SELECT count(*) FROM segments WHERE deleted_at IS NULL") == 0)
    line.sim.do("store", pdu=PDU)
    wait_until(lambda: line.rows("SELECT repeats FROM contacts") == [(1,)])

    assert len(line.submitted()) == 1


def test_a_text_in_both_storages_is_no_repeat_while_one_refuses_to_delete(open_line: Open) -> None:
    """The entry in the modem stays, the one on the SIM goes: the text is still there."""
    line = open_line(me_size=10, offers="SM,ME")
    line.sim.do("fault", kind="delete_refused", index=2)
    line.sim.do("store", pdu=PDU, index=1)
    line.sim.do("store", pdu=PDU, storage="ME", index=2)
    line.start(SOON)
    wait_until(lambda: len(line.submitted()) == 1 and not entries(line, "SM"))
    line.wait_more("+CMGL", 2)
    line.wait_more("+CMGD", 3)

    assert recorded(line) == 1
    assert line.rows("SELECT repeats FROM contacts") == [(0,)]
    assert line.count("SELECT count(*) FROM segments WHERE deleted_at IS NULL AND storage = 'ME'") == 1


def test_a_refusal_of_one_storage_does_not_keep_the_copy_in_the_other(open_line: Open) -> None:
    """The SIM refuses to delete a text; the modem is asked to delete its own copy at once."""
    line = open_line(me_size=10, offers="SM,ME")
    line.sim.do("fault", kind="delete_refused", index=1)
    line.sim.do("store", pdu=PDU, index=1)
    line.sim.do("store", pdu=PDU, storage="ME", index=2)
    line.start()
    wait_until(lambda: len(line.submitted()) == 1 and not entries(line, "ME"))

    assert len(entries(line, "SM")) == 1
    assert line.status()["modem"]["undeletable"] == 1


# The count, the listing, the slots


def test_a_text_that_was_read_by_its_slot_is_deleted_after_a_refusal(open_line: Open) -> None:
    """The slot of a hidden text is read again until its deletion succeeds."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="hides")
    line.sim.do("fault", kind="delete_refused", count=1)
    deliver(line, 1)
    line.start(SOON)
    wait_until(lambda: len(line.submitted()) == 1)
    wait_until(line.settled)

    assert recorded(line) == 1
    assert line.rows("SELECT repeats FROM contacts") == [(0,)]


def test_texts_that_the_listing_hides_are_read_by_their_slots(open_line: Open) -> None:
    """The modem counts them and lists none; each is answered once, and no recovery begins."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="hides")
    deliver(line, 1, 2)
    line.start(SOON)
    wait_until(lambda: len(line.submitted()) == 2 and line.settled())
    deliver(line, 3)
    wait_until(lambda: len(line.submitted()) == 3 and line.settled())

    assert recorded(line) == 3
    assert codes(line) == []
    assert line.status()["modem"]["steps"] == 0


def test_a_hidden_text_that_stays_hinders_no_confirmation(open_line: Open) -> None:
    """Its deletion is refused, and its listing hides it; the other text's deletion is recorded all the same."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="hides")
    line.sim.do("fault", kind="delete_refused", index=1)
    deliver(line, 1, 2)
    line.start(SOON)
    wait_until(lambda: len(line.submitted()) == 2)
    wait_until(lambda: line.count("SELECT count(*) FROM segments WHERE deleted_at IS NULL") == 1)
    line.wait_more("+CMGL", 3)

    assert line.rows("SELECT storage_index FROM segments WHERE deleted_at IS NULL") == [(1,)]
    assert recorded(line) == 2


def test_an_unreadable_line_of_a_listing_hinders_no_confirmation(open_line: Open) -> None:
    """Nothing is said of the place that it names, and all the other places are compared."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="delete_refused", index=1)
    line.sim.do("store", pdu=PDU, index=1)
    line.start(SOON)
    wait_until(lambda: len(line.submitted()) == 1)
    line.sim.do("fault", kind="rewrites", command="+CMGL", old=f"^{PDU}$", new="?")
    line.sim.do("fault", kind="error", command="+CMGR", cms=321)
    deliver(line, 1)
    wait_until(lambda: len(line.submitted()) == 2)
    wait_until(lambda: line.count("SELECT count(*) FROM segments WHERE deleted_at IS NULL") == 1)
    line.wait_more("+CMGL", 3)

    assert line.rows("SELECT storage_index FROM segments WHERE deleted_at IS NULL") == [(1,)]
    assert line.status()["modem"]["undeletable"] == 1


def test_noise_among_the_offered_storages_ends_nothing(open_line: Open) -> None:
    """A letter beyond ASCII is no part of a command."""
    line = open_line()
    line.sim.do("fault", kind="rewrites", command="+CPMS", old=r"\(.*", new="(\xe9\xe9)")
    deliver(line, 1)
    line.start()
    wait_until(lambda: len(line.submitted()) == 1 and line.settled())


def test_texts_that_are_shown_nowhere_are_a_trouble(open_line: Open) -> None:
    """The slots are read once, the storage is named with the number, and nothing is reset."""
    line = open_line(me_size=0, sim_size=10)
    line.sim.do("fault", kind="hides")
    line.sim.do("fault", kind="error", command="+CMGR", cms=321)
    deliver(line, 1, 2)
    line.start()
    wait_until(lambda: codes(line) == [TroubleCode.STORAGE_UNREAD])
    line.wait_more("+CPMS", 3)

    assert line.sim.do("counters")["counters"]["+CMGR"] <= 11
    assert "does not show (2)" in line.trouble()
    assert line.run("status").exit_code == 69
    assert line.status()["modem"]["steps"] == 0
    assert line.sim.do("state")["events"]["reset"] == 1  # by the test's own start


def test_texts_that_were_read_are_not_called_unread(open_line: Open) -> None:
    """The count falls below the number of hidden texts that were read: their slots show which one is still there."""
    line = open_line(me_size=0, sim_size=10)
    line.sim.do("fault", kind="hides")
    line.sim.do("fault", kind="delete_refused")
    line.sim.do("store", pdu=PDU, index=2)
    deliver(line, 1)
    line.start()
    wait_until(lambda: len(line.submitted()) == 2)
    line.sim.do("clear", what="storages")
    line.sim.do("store", pdu=PDU, index=2)
    line.wait_more("+CPMS", 3)
    wait_until(lambda: codes(line) == [])


def test_texts_that_were_never_shown_are_harmless_once_others_are_read(open_line: Open) -> None:
    """A count that stays too high by the same number says nothing about the texts that come."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="list_lies", command="+CPMS", how="used")
    line.start()
    wait_until(lambda: codes(line) == [TroubleCode.STORAGE_UNREAD])
    deliver(line, 1)
    wait_until(lambda: len(line.submitted()) == 1)
    wait_until(lambda: codes(line) == [])


def test_a_modem_that_refuses_every_listing_is_read_by_slots(open_line: Open) -> None:
    """EP06 and EM06 answer +CMS ERROR: 303; they are healthy, and are not reset."""
    line = open_line(me_size=0)
    line.sim.do("fault", kind="error", command="+CMGL", cms=303)
    deliver(line, 1, 2)
    line.start()
    wait_until(lambda: len(line.submitted()) == 2 and line.settled())
    deliver(line, 3)
    wait_until(lambda: len(line.submitted()) == 3 and line.settled())

    assert recorded(line) == 3
    assert line.status()["modem"]["steps"] == 0


def test_answers_leave_while_slots_are_read(open_line: Open) -> None:
    """A large storage takes a minute to be read slot by slot; nobody waits for that."""
    line = open_line(me_size=0, sim_size=250)
    line.sim.do("fault", kind="hides", entries=1)
    line.sim.do("fault", kind="slow", command="+CMGR", seconds=0.2)
    line.sim.do("store", pdu=PDU, index=240)
    line.start()
    line.wait_for("+CMGR", 5)
    line.sim.do("clear")
    line.sim.do("fault", kind="hides", entries=1)
    line.sim.do("fault", kind="slow", command="+CMGR", seconds=0.2)
    deliver(line, 1)
    deliver(line, 2)
    wait_until(lambda: "+32470000001" in answered(line))

    assert line.sim.do("counters")["counters"]["+CMGR"] < 240


def test_a_listing_that_agrees_with_the_count_costs_no_slot(open_line: Open) -> None:
    """Nothing is read twice while nothing disagrees, and no storage is selected anew at each poll."""
    line = open_line(me_size=10, offers="SM,ME")
    deliver(line, 1)
    line.start()
    wait_until(lambda: len(line.submitted()) == 1 and line.settled())
    line.sim.do("reset_counters")
    line.wait_for("+CMGL", 10)
    counters = line.sim.do("counters")["counters"]

    assert "+CMGR" not in counters
    assert counters["+CPMS"] <= counters["+CMGL"] / 2


# Room


def test_texts_come_into_a_storage_with_room(open_line: Open) -> None:
    """A SIM full of somebody's drafts takes no text: the modem's own storage does, until two places are free again."""
    line = open_line(sim_size=3, me_size=10, offers="SM,ME")
    for index in (1, 2, 3):
        line.sim.do("store", pdu=DRAFT, index=index, status=3)
    line.start()
    wait_until(lambda: line.sim.do("state")["memories"][2] == "ME")
    deliver(line, 1, 2)
    wait_until(lambda: len(line.submitted()) == 2)

    assert codes(line) == []
    assert len(entries(line, "SM")) == 3


def test_a_full_sim_without_another_storage_is_a_trouble(open_line: Open) -> None:
    """`status` says what to do; the state is ready, and the exit code is not 0."""
    line = open_line(sim_size=3, me_size=0)
    for index in (1, 2, 3):
        line.sim.do("store", pdu=DRAFT, index=index, status=3)
    line.start()
    deliver(line, 1)
    wait_until(lambda: codes(line) == [TroubleCode.STORAGE_FULL])

    assert "delete the texts and drafts" in line.trouble()
    assert line.run("status").exit_code == 69
    line.sim.do("clear", what="storages")
    wait_until(lambda: len(line.submitted()) == 1)
    wait_until(lambda: codes(line) == [])


# Announcements


def test_texts_that_are_announced_and_nowhere_found_are_an_event(open_line: Open) -> None:
    """Three places named, and no text: a person hears of it; two, or a place named twice, may be noise."""
    line = open_line()
    line.start()
    line.wait_state("ready")
    for index in (4, 4, 5):
        line.sim.do("say", line=f'+CMTI: "SM",{index}')
        line.wait_more("+CMGL", 2)
    assert line.count("SELECT count(*) FROM events WHERE kind = 'text_lost'") == 0
    line.sim.do("say", line='+CMTI: "SM",6')
    wait_until(lambda: line.count("SELECT count(*) FROM events WHERE kind = 'text_lost'") == 1)

    assert "text_lost" in line.cli("status", "--json", check=False)


def test_texts_that_are_counted_and_not_shown_are_not_lost(open_line: Open) -> None:
    """The modem still has them: they are unread, and no event says that they are lost."""
    line = open_line(me_size=0, sim_size=10)
    line.start(SOON)
    line.wait_state("ready")
    line.sim.do("fault", kind="hides")
    line.sim.do("fault", kind="error", command="+CMGR", cms=321)
    deliver(line, 1, 2, 3)
    wait_until(lambda: codes(line) == [TroubleCode.STORAGE_UNREAD])
    line.wait_more("+CPMS", 3)

    assert line.count("SELECT count(*) FROM events WHERE kind = 'text_lost'") == 0


def test_an_announcement_of_a_wrong_place_does_not_hinder_a_deletion(open_line: Open) -> None:
    """The text that really came is deleted in the same scan, and the modem is not taken for restarted."""
    line = open_line(me_size=0)
    line.start()
    line.wait_state("ready")
    line.wait_more("+CMGL", 2)
    line.sim.do("store", pdu=PDU)
    line.sim.do("say", line='+CMTI: "SM",9')
    wait_until(lambda: len(line.submitted()) == 1 and line.settled())

    assert "has restarted" not in line.log_path.read_text()


def test_late_and_doubled_announcements_are_no_event(open_line: Open) -> None:
    """The texts have been read when they are announced again."""
    line = open_line()
    line.start()
    for number in range(30):
        deliver(line, number)
        line.sim.do("say", line=f'+CMTI: "SM",{number % 5 + 1}')
    wait_until(lambda: recorded(line) == 30 and line.sim_is_empty())
    for index in range(1, 6):
        line.sim.do("say", line=f'+CMTI: "SM",{index}')
        line.wait_more("+CMGL", 1)

    assert line.count("SELECT count(*) FROM events WHERE kind = 'text_lost'") == 0
