"""The oracle that judges lines: each rule accepts right histories, finds wrong ones, and is independent of hotlined."""

import ast
from pathlib import Path

import oracle
import pytest
from oracle import (
    Blocked,
    ByHand,
    CalendarSet,
    Cancelled,
    Configured,
    Fact,
    Forgotten,
    Hoped,
    LateTaken,
    OptedIn,
    Paused,
    Promised,
    Rebooted,
    Received,
    Requeued,
    Restarted,
    Rested,
    Restored,
    Resumed,
    Said,
    Submitted,
    Unblocked,
)

HOUR, DAY = 3600, 86400
HERS, HIS, THEIRS = "+32470000001", "+32470000002", "+32470000003"
ROOM = Configured(at=0, hour=99, day=99, month=99, reserve_percent=0, cooldowns=(0,), per_number=99)


def found(*facts: Fact) -> set[str]:
    """Return the names of the broken rules."""
    return {words.partition(":")[0] for words in oracle.violations(facts)}


def came(contact: int, at: float = 0, number: str = HERS, text: str = "salut", **more: object) -> Received:
    """Return a text."""
    return Received(at=at, contact=contact, number=number, text=text, **more)  # type: ignore[arg-type]


def sent(contact: int, at: float, number: str = HERS, outcome: str = "taken", **more: object) -> Submitted:
    """Return a segment of the answer to a contact; the answer's number is the contact's."""
    return Submitted(at=at, answer=contact, contact=contact, number=number, outcome=outcome, **more)  # type: ignore[arg-type]


def typed(answer: int, at: float, number: str = HERS, by: str = "hand", outcome: str = "taken") -> tuple[Fact, Fact]:
    """Return a text by hand and its segment."""
    segment = Submitted(at=at, answer=answer, contact=None, number=number, by=by, outcome=outcome)
    return ByHand(at=at, answer=answer, number=number), segment


def people(count: int, at: float = 0) -> list[Received]:
    """Return a text of each of these people: contact n is that of number n."""
    return [came(n, at, phone(n)) for n in range(1, count + 1)]


def phone(serial: int) -> str:
    """Return a Belgian mobile."""
    return f"+32470{serial:06}"


def test_oracle_imports_nothing_of_hotlined() -> None:
    """The judge shares no code with the judged program.

    Not even by way of another test.
    """
    tree = ast.parse(Path(oracle.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"re", "unicodedata", "collections", "collections.abc", "dataclasses", "functools", "itertools"}
    calls = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not calls & {"__import__", "eval", "exec", "open"}


# ---- windows and their share


@pytest.mark.parametrize(("name", "seconds"), [("hour", HOUR), ("day", DAY), ("month", 30 * DAY)])
def test_windows_hold_to_the_second(name: str, seconds: int) -> None:
    """A refused segment was never in its window."""
    limits = {"hour": 99, "day": 99, "month": 99} | {name: 2}
    configured = Configured(at=0, reserve_percent=0, **limits)  # type: ignore[arg-type]
    before = [configured, *people(4), sent(1, 1, phone(1)), sent(2, 2, phone(2), "refused", cause=42)]
    right = [*before, sent(3, seconds, phone(3), "unknown"), sent(4, seconds + 1, phone(4))]
    assert not found(*right)
    assert found(*before, sent(3, seconds - 1, phone(3), "unknown"), sent(4, seconds, phone(4))) == {"windows"}


def test_windows_count_texts_by_hand() -> None:
    """They are paid for, too."""
    configured = Configured(at=0, hour=1, reserve_percent=0)
    assert not found(configured, *typed(1, 1))
    assert found(configured, *typed(1, 1), *typed(2, 2)) == {"windows"}


def test_lower_windows_hold_at_once() -> None:
    """An answer that was begun under the previous ones is finished."""
    facts = [Configured(at=0, hour=2), *people(2), sent(1, 1, phone(1), total=2), Configured(at=2, hour=1)]
    assert not found(*facts, sent(1, 3, phone(1), sequence=2, total=2))
    assert found(*facts, sent(2, 3, phone(2))) == {"windows"}


def test_reserve_is_for_new_numbers() -> None:
    """Half of five, rounded down, leaves three to known numbers."""
    configured = Configured(at=0, hour=5, day=99, month=99, cooldowns=(0,), per_number=99)
    twice = [*people(2), *(came(n, 0, phone(1)) for n in (3, 4, 5, 6))]
    first = [configured, *twice, sent(1, 0, phone(1)), *(sent(n, HOUR + n, phone(1)) for n in (3, 4, 5))]
    assert not found(*first, sent(2, HOUR + 9, phone(2)))
    assert found(*first, sent(6, HOUR + 9, phone(1))) == {"reserve"}


def test_reserve_counts_known_numbers_and_tries() -> None:
    """An answer that may have left makes a number known.

    A text by hand does not; a try always counts as known.
    """
    configured = Configured(at=0, hour=9, day=9, month=9, reserve_percent=100, cooldowns=(0,))
    assert not found(configured, *people(1), *typed(9, 1, phone(1)), sent(1, 2, phone(1)))
    whole = [sent(1, 1, phone(1), total=2), sent(1, 4, phone(1), sequence=2, total=2)]
    assert not found(configured, *people(1), *whole)
    again = [Requeued(at=2, answer=1), sent(1, 3, phone(1), attempt=2, by="requeue")]
    assert found(configured, *people(1), sent(1, 1, phone(1), "unknown"), *again) == {"reserve"}
    assert not found(configured, *people(1), sent(1, 1, phone(1), "refused", cause=27), *again)
    assert found(configured, *typed(9, 1, by="answer")) == {"reserve"}


def test_erased_numbers_are_new() -> None:
    """They have no cap or cooldown, but spent segments stay spent."""
    configured = Configured(at=0, hour=2, reserve_percent=100, per_number=1)
    facts = [configured, came(1), sent(1, 1), Forgotten(at=2, number=HERS), came(2, 3), sent(2, 4)]
    assert not found(*facts)
    assert found(*facts, came(3, 5, HIS), sent(3, 6, HIS)) == {"windows"}


# ---- numbers


def test_cap_bounds_the_answers_of_a_number() -> None:
    """Requeued answers and texts by hand are exempt."""
    configured = Configured(at=0, reserve_percent=0, cooldowns=(0,), per_number=2)
    facts = [configured, *(came(n) for n in (1, 2, 3)), sent(1, 1), sent(2, 2, outcome="unknown")]
    again = [Requeued(at=3, answer=2), sent(2, 3, attempt=2, by="requeue")]
    assert not found(*facts, *again, *typed(9, 4))
    assert found(*facts, sent(3, 3)) == {"cap"}
    assert not found(*facts[:-1], sent(2, 2, outcome="refused", cause=27), sent(3, 3))


def test_cooldown_grows_and_holds_to_the_second() -> None:
    """The first follows the first answer, the next one every further."""
    configured = Configured(at=0, reserve_percent=0, cooldowns=(DAY, 7 * DAY), per_number=9)
    facts = [configured, *(came(n) for n in (1, 2, 3, 4)), sent(1, 1), sent(2, 1 + DAY), sent(3, 1 + 8 * DAY)]
    assert not found(*facts, sent(4, 1 + 15 * DAY))
    assert found(*facts, sent(4, 15 * DAY)) == {"cooldown"}
    assert found(configured, came(1), came(2), sent(1, 1), sent(2, DAY)) == {"cooldown"}


def test_cooldown_runs_from_the_latest_attempt_that_may_have_left() -> None:
    """It runs from its first segment; texts by hand move nothing."""
    configured = Configured(at=0, reserve_percent=0, cooldowns=(DAY,), per_number=9)
    first = [configured, came(1), came(2), sent(1, 1, total=2), sent(1, 4, sequence=2, total=2, outcome="unknown")]
    assert not found(*first, *typed(9, 5), sent(2, 1 + DAY))
    again = [Requeued(at=9, answer=1), sent(1, 10, total=2, attempt=2, by="requeue")]
    assert found(*first, *again, sent(2, 1 + DAY)) == {"cooldown"}
    nothing = sent(1, 10, total=2, attempt=2, by="requeue", outcome="refused", cause=27)
    assert not found(*first, again[0], nothing, sent(2, 1 + DAY))


def test_block_holds_for_answers_and_texts_by_hand() -> None:
    """It does until it is lifted."""
    facts = [ROOM, came(1), Blocked(at=1, number=HERS)]
    assert not found(*facts, Unblocked(at=2, number=HERS), sent(1, 3))
    assert found(*facts, sent(1, 3)) == found(*facts, *typed(9, 3)) == {"block"}
    assert found(Configured(at=0, blocked=(HERS,)), came(1), sent(1, 3)) == {"block"}


def test_block_holds_for_the_originating_phone() -> None:
    """A blocked phone announces an MMS in the name of another number."""
    facts = [ROOM, came(1, kind="mms", sender=HIS)]
    assert not found(*facts, sent(1, 3))
    assert found(*facts, Blocked(at=1, number=HIS), sent(1, 3)) == {"block"}


def test_opt_out_ends_answers() -> None:
    """The opt-out may be the first text or come later.

    It may come while an answer is queued. A text by hand may go.
    """
    for before in ([], [came(1)], [came(1), sent(1, 1)]):
        facts = [ROOM, *before, came(2, 2, text="Stop.")]
        assert not found(*facts, OptedIn(at=3, number=HERS), sent(2, 4))
        assert not found(*facts, *typed(9, 4))
        assert found(*facts, sent(2, 4)) == found(*facts, *typed(9, 4, by="answer")) == {"opt_out"}
    unconfirmed = [ROOM, came(1), sent(1, 1, outcome="unknown"), came(2, 2, text="STOP"), Requeued(at=3, answer=1)]
    assert found(*unconfirmed, sent(1, 4, attempt=2, by="requeue")) == {"opt_out"}


def test_opt_out_survives_an_erasure() -> None:
    """Only a person lifts it; a text delivered again by the network was not written again."""
    stop = came(1, text="stop")
    assert found(ROOM, stop, Forgotten(at=1, number=HERS), came(2, 2), sent(2, 3)) == {"opt_out"}
    again = came(1, 2, text="stop", delivered_again=True)
    assert not found(ROOM, stop, OptedIn(at=1, number=HERS), again, came(2, 3), sent(2, 4))


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        " STOP! ",
        "Arrêt",
        "arrêt svp",
        "SMS STOP",
        "stop, s'il vous plaît",
        "Stoppen aub.",
        "s t o p",
        "stop 2",
        "stop stop",
        "Stopp bitte",
    ],
)
def test_opt_out_words_alone_opt_out(text: str) -> None:
    """Case, accents, blanks, punctuation and polite words do not matter."""
    assert oracle.opts_out(text, ROOM.opt_out_words)


@pytest.mark.parametrize("text", ["", "merci", "stop ça", "arrête ça", "ok", "stooop", "07", "pourquoi stop"])
def test_opt_out_word_inside_a_sentence_does_not_opt_out(text: str) -> None:
    """Such a text may be answered."""
    assert not oracle.opts_out(text, ROOM.opt_out_words)


# ---- the line


def test_pause_stops_answers_and_texts_by_hand() -> None:
    """They go again after `resume`."""
    facts = [ROOM, came(1), Paused(at=1)]
    assert not found(*facts, Resumed(at=2), sent(1, 3))
    assert found(*facts, sent(1, 3)) == found(*facts, *typed(9, 3)) == {"pause"}


def test_country_has_to_be_answered_at_the_beginning() -> None:
    """An answer that was begun before is finished."""
    facts = [
        Configured(at=0, answer_countries=("BE", "DE")),
        came(1, number="+4915112345678"),
        sent(1, 1, "+4915112345678", total=2),
    ]
    less = Configured(at=2, answer_countries=("BE",))
    assert not found(*facts, less, sent(1, 3, "+4915112345678", sequence=2, total=2))
    assert found(*facts[:2], less, sent(1, 3, "+4915112345678")) == {"country"}


def test_answer_begins_before_its_contact_is_too_old() -> None:
    """A requeued one is exempt, and a contact may be old when it comes."""
    facts = [Configured(at=0, max_age=HOUR), came(1), came(2, number=HIS)]
    again = [Requeued(at=9, answer=2), sent(2, DAY, HIS, attempt=2, by="requeue")]
    assert not found(*facts, sent(1, HOUR, total=2), sent(1, HOUR + 3, sequence=2, total=2), *again)
    assert found(*facts, sent(1, HOUR + 1)) == {"stale"}
    assert not found(*facts[:1], came(1, old=HOUR), sent(1, 0))
    assert found(*facts[:1], came(1, old=HOUR), sent(1, 1)) == {"stale"}


# ---- once, in order, asked for


def test_segment_that_may_have_left_is_not_sent_again() -> None:
    """A new attempt needs a requeue."""
    for outcome in ("taken", "unknown", "crash"):
        facts = [ROOM, came(1), sent(1, 1, outcome=outcome)]
        assert not found(*facts, Requeued(at=2, answer=1), sent(1, 3, attempt=2, by="requeue"))
        assert found(*facts, sent(1, 3)) == {"at_most_once"}
        assert found(*facts, sent(1, 3, attempt=2, by="requeue")) == {"at_most_once"}
        assert found(*facts, Requeued(at=2, answer=1), sent(1, 3, attempt=3, by="requeue")) == {"at_most_once"}
    assert not found(ROOM, came(1), sent(1, 1, outcome="refused", cause=42), sent(1, 61))


def test_refusal_with_38_may_have_left() -> None:
    """It counts in the windows, is not sent again, and is about the line, also after a success."""
    lost = sent(1, 3, phone(1), "refused", cause=38)
    assert found(ROOM, *people(1), lost, sent(1, 64, phone(1))) == {"at_most_once"}
    narrow = [Configured(at=0, hour=1, day=9, month=9, reserve_percent=0), *people(2), lost]
    assert found(*narrow, sent(2, 9, phone(2))) == {"windows"}
    row = [sent(n, 3 * n, phone(n), "refused", cause=38) for n in (1, 2, 3)]
    assert found(ROOM, *people(9), sent(9, 1, phone(9)), *row, sent(4, 12, phone(4))) == {"breaker"}


def test_segment_that_left_is_not_sent_again_after_a_restore() -> None:
    """The backup does not know about it."""
    facts = [ROOM, came(1), sent(1, 5), Restored(at=9, copied_at=2)]
    assert found(*facts, sent(1, 10)) == {"at_most_once"}


def test_restore_undoes_decisions_since_the_backup() -> None:
    """A later block is gone; one that was lifted is back."""
    after = [ROOM, came(1), Blocked(at=3, number=HERS), Restored(at=9, copied_at=2)]
    before = [ROOM, came(1), Blocked(at=1, number=HERS), Unblocked(at=3, number=HERS), Restored(at=9, copied_at=2)]
    assert not found(*after, sent(1, 10))
    assert found(*before, sent(1, 10)) == {"block"}


def test_segment_follows_an_accepted_one() -> None:
    """An unknown result of the first one stops the rest."""
    for outcome, broken in (("taken", set()), ("unknown", {"in_order"}), ("crash", {"in_order"})):
        facts = [ROOM, came(1), sent(1, 1, total=2, outcome=outcome)]
        assert found(*facts, sent(1, 4, sequence=2, total=2)) == broken
    assert found(ROOM, came(1), sent(1, 1, total=2), sent(1, 4, sequence=2, total=3)) == {"in_order"}
    anew = [sent(1, 1, total=2, outcome="refused", cause=42), sent(1, 61, total=1)]
    assert not found(ROOM, came(1), *anew)
    half = [sent(1, 1, total=2), sent(1, 4, sequence=2, total=2, outcome="refused", cause=42)]
    assert not found(ROOM, came(1), *half, sent(1, 64, sequence=2, total=2))
    assert found(ROOM, came(1), *half, sent(1, 64, sequence=2, total=3)) == {"in_order"}


def test_late_result_within_the_hour_lets_the_rest_go() -> None:
    """Another segment to the number in between stops it."""
    facts = [ROOM, came(1), came(2), sent(1, 1, total=2, outcome="unknown")]
    rest = sent(1, 4001, sequence=2, total=2)
    assert not found(*facts, LateTaken(at=3601, answer=1, attempt=1, sequence=1), rest)
    assert found(*facts, LateTaken(at=3602, answer=1, attempt=1, sequence=1), rest) == {"in_order"}
    late = LateTaken(at=9, answer=1, attempt=1, sequence=1)
    assert found(*facts, *typed(9, 5), late, rest) == {"in_order"}


def test_only_what_was_taken_is_called_sent() -> None:
    """Another person's segment, or another segment of the same person, proves nothing."""
    facts = [ROOM, came(1), came(2, number=HIS), sent(1, 1, outcome="unknown"), sent(2, 2, HIS, "refused", cause=38)]
    late = LateTaken(at=3, answer=1, attempt=1, sequence=1)
    hers = Said(at=4, number=HERS, sequence=1)
    assert not found(*facts, late, hers)
    assert found(*facts, hers) == {"truth"}
    assert found(*facts, late, Said(at=4, number=HIS, sequence=1)) == {"truth"}
    assert found(*facts, late, Said(at=4, number=HERS, sequence=2)) == {"truth"}
    assert found(*facts, late, hers, hers) == {"truth"}
    assert not found(ROOM, came(1), sent(1, 1), Said(at=2, number=HERS, sequence=1))


def test_each_segment_belongs_to_a_contact_or_a_request() -> None:
    """Contacts have one answer; texts by hand need a request.

    Each goes to the number of its contact or request.
    """
    facts = [ROOM, came(1), came(2, number=HIS), sent(1, 1)]
    assert not found(*facts, sent(2, 2, HIS))
    assert found(*facts, Submitted(at=2, answer=7, contact=1, number=HERS)) == {"asked_for"}
    assert found(*facts, sent(2, 2, THEIRS)) == {"asked_for"}
    assert found(ROOM, sent(3, 2)) == {"asked_for"}
    asked, segment = typed(9, 3)
    assert found(*facts, segment) == {"asked_for"}
    assert found(*facts, Forgotten(at=2, number=HIS), sent(2, 3, HIS)) == {"asked_for"}
    assert not found(*facts, asked, segment)


def test_answer_proven_to_have_left_is_not_sent_again() -> None:
    """A late result or a report proves it; a requeue allows it."""
    facts = [ROOM, came(1), sent(1, 1, outcome="unknown"), Requeued(at=2, answer=1)]
    proof, again = LateTaken(at=3, answer=1, attempt=1, sequence=1), sent(1, 4, attempt=2, by="requeue")
    assert not found(*facts, again)
    assert found(*facts, proof, again) == {"at_most_once"}
    half = [ROOM, came(1), sent(1, 1, outcome="unknown", total=2), Requeued(at=2, answer=1), proof]
    assert not found(*half, sent(1, 4, attempt=2, by="requeue", total=2))
    restored = Restored(at=4, copied_at=0)
    assert not found(*facts, proof, restored, Requeued(at=5, answer=1), sent(1, 6, attempt=3, by="requeue"))


def test_cancelled_answer_sends_no_further_segment() -> None:
    """A requeue allows it."""
    facts = [ROOM, came(1), sent(1, 1, total=2), Cancelled(at=2, answer=1)]
    assert found(*facts, sent(1, 3, sequence=2, total=2)) == {"cancelled"}
    assert not found(*facts, Requeued(at=3, answer=1), sent(1, 4, total=2, attempt=2, by="requeue"))


# ---- time, recipient, words


def test_delay_holds_to_the_second() -> None:
    """A requeued answer keeps it only if nothing has left."""
    facts = [ROOM, came(1, delay=600)]
    assert not found(*facts, sent(1, 600))
    assert found(*facts, sent(1, 599)) == {"delay"}
    again = [Cancelled(at=1, answer=1), Requeued(at=2, answer=1)]
    assert found(*facts, *again, sent(1, 599, attempt=2, by="requeue")) == {"delay"}
    twice = [sent(1, 600, outcome="unknown"), Requeued(at=601, answer=1), sent(1, 602, attempt=2, by="requeue")]
    assert not found(*facts, *twice)


def test_interval_holds_between_any_two_segments() -> None:
    """The recipients do not matter."""
    facts = [Configured(at=0, interval=3), *people(2), sent(1, 1, phone(1))]
    assert not found(*facts, sent(2, 4, phone(2)))
    assert found(*facts, sent(2, 3, phone(2))) == found(*facts, *typed(9, 3)) == {"interval"}


@pytest.mark.parametrize("number", ["8850", "Zara", "+3290212345", "+3280012345", "+3222345678", "+447012345678"])
def test_only_mobiles_are_answered(number: str) -> None:
    """Short codes, names, premium, toll-free, fixed and personal numbers are not."""
    assert found(ROOM, came(1, 0, number), sent(1, 1, number)) == {"answerable"}


@pytest.mark.parametrize("kind", ["data", "service", "unreadable"])
def test_data_and_service_messages_are_not_answered(kind: str) -> None:
    """A stop in them still counts."""
    assert found(ROOM, came(1, kind=kind), sent(1, 1)) == {"answerable"}
    assert found(ROOM, came(1, text="stop", kind=kind), came(2, 1), sent(2, 2)) == {"opt_out"}


def test_own_number_own_text_and_machines_are_not_answered() -> None:
    """A machine sends the same text after each answer."""
    own = Configured(at=0, own_number=HERS, texts=(("Non, et non.",),))
    assert found(own, came(1), sent(1, 1)) == {"answerable"}
    assert found(own, came(1, 0, HIS, text="Re: non, ET non!"), sent(1, 1, HIS)) == {"answerable"}
    same = [
        ROOM,
        came(1),
        sent(1, 1),
        *(came(n, n, text="pas la") for n in (2, 3, 4)),
        *(sent(n, 9 + n) for n in (2, 3, 4)),
    ]
    assert not found(*same)
    assert found(*same, came(5, 20, text="pas la"), sent(5, 21)) == {"answerable"}
    others = [came(n, 20, text=f"autre {n}") for n in range(5, 25)]
    assert not found(*same, *others, came(30, 20, text="pas la"), sent(30, 21))
    away = "Je suis absent jusqu'au douze decembre, appelez le bureau."
    assert found(ROOM, came(1, text=away), sent(1, 1), came(2, 2, text=away), sent(2, 3)) == {"answerable"}


def test_answer_has_a_whole_variant_of_its_step() -> None:
    """A requeued one has its previous text, whatever is configured by then."""
    facts = [Configured(at=0, cooldowns=(0,), texts=(("un", "uno"), ("deux",)), max_segments=1), came(1), came(2)]
    assert not found(*facts, sent(1, 1, text="uno"), sent(2, 2, text="deux"))
    assert found(*facts, sent(1, 1, text="uno"), sent(2, 2, text="un")) == {"wording"}
    assert found(*facts, sent(1, 1, text="u")) == {"wording"}
    assert found(*facts, sent(1, 1, text="u", total=2)) == {"wording"}
    two = [Configured(at=0, texts=(("un",),)), came(1), sent(1, 1, text="u", total=2)]
    assert not found(*two, sent(1, 2, text="n", sequence=2, total=2))
    assert found(*two, sent(1, 2, text="e", sequence=2, total=2)) == {"wording"}
    other = [
        *facts,
        sent(1, 1, text="un", outcome="unknown"),
        Configured(at=2, texts=(("trois",),)),
        Requeued(at=3, answer=1),
    ]
    assert not found(*other, sent(1, 4, text="un", attempt=2, by="requeue"))
    assert found(*other, sent(1, 4, text="trois", attempt=2, by="requeue")) == {"wording"}


def test_any_step_is_allowed_after_a_restore() -> None:
    """Answers that waited in the backup count as given."""
    facts = [Configured(at=0, texts=(("un",), ("deux",))), came(1), Restored(at=2, copied_at=1), came(2, 3)]
    assert not found(*facts, sent(2, 4, text="deux"))
    assert found(*facts[:2], came(2, 3), sent(2, 4, text="deux")) == {"wording"}


def test_tries_have_growing_pauses_and_an_end() -> None:
    """Pauses are a minute, five, fifteen, an hour.

    There are six tries while others leave; a recipient's refusal ends them.
    """
    moments = (1, 61, 361, 1261, 4861, 8461)
    refused = [sent(1, at, HERS, "refused", cause=42) for at in moments]
    assert not found(ROOM, came(1), *refused, sent(1, 12061))
    for early in (1, 2, 3, 4):
        sooner = [*refused[:early], sent(1, moments[early] - 1)]
        assert found(ROOM, came(1), *sooner) == {"tries"}
    between = [fact for n, each in enumerate(refused) for fact in (each, sent(9 + n, each.at + 9, phone(9 + n)))]
    others = people(20)
    assert not found(ROOM, came(1), *others, *between[:-2], sent(1, 12061))
    assert found(ROOM, came(1), *others, *between, sent(1, 12061)) == {"tries"}
    assert found(ROOM, came(1), sent(1, 1, HERS, "refused", cause=27), sent(1, 9999)) == {"tries"}
    either = [sent(1, 1, HERS, "refused", cause=28), sent(9, 9, phone(9)), sent(1, 61, HERS, "refused", cause=21)]
    assert found(ROOM, came(1), *others, *either, sent(1, 9999)) == {"tries"}
    assert not found(ROOM, came(1), *others, *either[::2], sent(1, 9999))


def test_breaker_decides_tries_in_an_outage() -> None:
    """Its trials, and answers after it closes, need no pause."""
    refused = [sent(n, at, phone(n), "refused", cause=42) for n, at in ((1, 3), (1, 63), (2, 66), (3, 69))]
    assert not found(ROOM, *people(9), *refused, sent(1, 129, phone(1)), sent(2, 130, phone(2)))
    assert found(ROOM, *people(9), *refused[:2], sent(1, 129, phone(1))) == {"tries"}


@pytest.mark.parametrize(
    "cause",
    [
        Paused(at=2),
        Blocked(at=2, number=HERS),
        Cancelled(at=2, answer=1),
        Configured(at=2, hour=1),
        Hoped(at=2),
        came(2, 2, text="stop"),
        sent(1, 60, outcome="refused", cause=42),
        Forgotten(at=2, number=HERS),
    ],
)
def test_due_answer_does_not_wait_without_a_cause(cause: Fact) -> None:
    """Anything that may hold it back is a cause."""
    promised = [
        Configured(at=0, hour=2, max_age=HOUR),
        came(1, delay=60),
        Promised(at=0, answer=1, contact=1, segments=2),
    ]
    assert found(*promised, Rested(at=60)) == {"liveness"}
    assert not found(*promised, Rested(at=59))
    assert not found(*promised, Rested(at=HOUR / 2 + 1))
    assert not found(*promised, sent(1, 60, total=2), Rested(at=61))
    assert not found(*promised, cause, Rested(at=60))
    others = [came(8, 0, HIS), sent(8, 1, HIS, total=2)]
    assert not found(*promised, *others, Rested(at=60))
    assert not found(*outage(), Promised(at=10, answer=50, contact=50), Rested(at=60))
    assert found(*outage()[:-1], Promised(at=10, answer=50, contact=50), Rested(at=60)) == {"liveness"}


# ---- order


def two_wait(*, known: bool = False) -> list[Fact]:
    """Return two promised answers that are due at second 69; the second is newer."""
    before = [sent(n, n, phone(n)) for n in (3, 4)] if known else []
    pair = [(came(n, at, phone(n % 2 + 3), f"salut {n}", delay=delay), n) for n, at, delay in ((5, 10, 20), (6, 60, 9))]
    promised = [each for asks, n in pair for each in (asks, Promised(at=asks.at, answer=n, contact=n))]
    return [ROOM, *people(4), *before, *promised]


@pytest.mark.parametrize("known", [False, True])
def test_newest_answer_that_is_due_goes_first(known: bool) -> None:
    """An older one goes before it while that is not due."""
    older, newer = phone(4), phone(3)
    assert not found(*two_wait(known=known), sent(6, 70, newer), sent(5, 71, older))
    assert not found(*two_wait(known=known), sent(5, 68, older), sent(6, 70, newer))
    assert found(*two_wait(known=known), sent(5, 70, older), sent(6, 71, newer)) == {"newest_first"}


def test_shares_are_in_order_each_for_itself() -> None:
    """A newer answer to a new number does not wait for one to a known number, and holds up none."""
    other = [came(7, 65, HIS), Promised(at=65, answer=7, contact=7)]
    assert not found(*two_wait(known=True), *other, sent(6, 70, phone(3)))
    assert found(*two_wait(), *other, sent(6, 70, phone(3))) == {"newest_first"}


def test_requeue_makes_an_answer_the_newest() -> None:
    """A further try does not."""
    older, newer = phone(4), phone(3)
    lost = [*two_wait(), sent(5, 30, older, "unknown"), Requeued(at=65, answer=5)]
    again = sent(5, 70, older, attempt=2, by="requeue")
    others = [came(8, 64, HIS), sent(8, 64, HIS), came(7, 60, HIS, "oui"), Promised(at=64, answer=7, contact=7)]
    assert found(*lost, *others, sent(7, 69, HIS)) == {"newest_first"}
    assert not found(*lost, *others, again, sent(7, 71, HIS))
    refused = [*two_wait(), sent(5, 30, older, "refused", cause=42)]
    assert found(*refused, sent(5, 90, older)) == {"newest_first"}
    assert not found(*refused, sent(6, 90, newer), sent(5, 91, older))


@pytest.mark.parametrize(
    "cause",
    [
        Blocked(at=69, number=phone(3)),
        Cancelled(at=69, answer=6),
        Configured(at=69, hour=99, reserve_percent=0, cooldowns=(0,)),
        Forgotten(at=69, number=phone(3)),
        Rebooted(at=69),
        CalendarSet(at=69),
        came(9, 69, phone(3), "stop"),
        sent(6, 69, phone(3), "refused", cause=42),
        sent(6, 69, phone(3), "refused", cause=27),
    ],
)
def test_older_answer_goes_first_where_the_newer_one_may_have_ended(cause: Fact) -> None:
    """Anything that may end it, or holds it back, is a cause."""
    assert not found(*two_wait(), cause, sent(5, 70, phone(4)))


# ---- the breaker


def outage(outcome: str = "unknown", cause: int | None = None) -> list[Fact]:
    """Return three failed answers, the last at second 9, and a hundred people who wait."""
    return [ROOM, *people(99), *(sent(n, 3 * n, phone(n), outcome, cause=cause) for n in (1, 2, 3))]


@pytest.mark.parametrize(("outcome", "cause"), [("unknown", None), ("unknown", 500), ("refused", 38), ("refused", 42)])
def test_breaker_opens_after_three_failures(outcome: str, cause: int | None) -> None:
    """The next trial comes a minute later."""
    assert not found(*outage(outcome, cause), sent(4, 69, phone(4)), sent(5, 72, phone(5)), sent(6, 75, phone(6)))
    assert found(*outage(outcome, cause), sent(4, 68, phone(4))) == {"breaker"}
    assert not found(*outage(outcome, cause), *typed(999, 12))


@pytest.mark.parametrize("cause", [27, 195, 196])
def test_breaker_ignores_the_recipients_fault(cause: int) -> None:
    """One recipient alone does not open it, either."""
    assert not found(*outage("refused", cause), sent(4, 12, phone(4)))
    same = [sent(1, at, HERS, "refused", cause=42) for at in (3, 63, 363, 1263)]
    assert not found(ROOM, came(1), *same)


@pytest.mark.parametrize("cause", [1, 21, 28, 29, 30])
def test_ambiguous_refusal_counts_for_the_line_once(cause: int) -> None:
    """The second one of the same answer is the recipient's."""
    assert found(*outage("refused", cause), sent(4, 12, phone(4))) == {"breaker"}
    twice = [sent(n, at, phone(n), "refused", cause=cause) for n, at in ((1, 3), (2, 6), (1, 63), (2, 66))]
    assert not found(ROOM, *people(9), *twice, sent(3, 70, phone(3)))


def test_power_cut_during_a_submission_is_a_failure() -> None:
    """The end of the program alone proves nothing.

    A stick may take the machine down.
    """
    for ended, broken in ((Rebooted, {"breaker"}), (Restarted, set())):
        cuts = [each for n in (1, 2, 3) for each in (sent(n, 3 * n, phone(n), outcome="crash"), ended(at=3 * n + 1))]
        assert found(ROOM, *people(9), *cuts, sent(4, 12, phone(4))) == broken


@pytest.mark.parametrize("cause", [1, 10, 28, 42, 127, 128, 193, 255])
def test_refusals_of_the_network_count_three_hours_after_a_success(cause: int) -> None:
    """Refusals of the modem always count.

    An accepted text by hand is a success, too.
    """
    for before in ([sent(9, 1, phone(9))], typed(999, 1)):
        facts = [ROOM, *people(99), *before]
        refused = [sent(n, 3 * n, phone(n), "refused", cause=cause) for n in (1, 2, 3, 4, 5, 6, 7)]
        assert not found(*facts, *refused)
        later = [sent(n, 10_800 + n, phone(n), "refused", cause=42) for n in (11, 12, 13)]
        assert not found(*facts, *refused, *later[:1])
    assert found(*facts, *later, sent(14, 10_850, phone(14))) == {"breaker"}
    by_modem = [sent(n, 3 * n, phone(n), "refused", cause=320) for n in (1, 2, 3)]
    assert found(*facts, *by_modem, sent(4, 12, phone(4))) == {"breaker"}


def test_breaker_counts_the_latest_refusal_of_each_answer() -> None:
    """Earlier tries of the same answer are not in the row."""
    tried = [sent(n, at, phone(n), "refused", cause=42) for n, at in ((1, 3), (2, 6), (2, 66), (3, 69))]
    trials = [sent(n, at, phone(n), "refused", cause=42) for n, at in ((2, 129), (1, 132), (3, 135))]
    assert not found(ROOM, *people(9), *tried, *trials)
    assert found(ROOM, *people(9), *tried, sent(4, 72, phone(4))) == {"breaker"}


def test_breaker_opens_at_six_failures_of_ten() -> None:
    """Some of the ten are accepted."""
    outcomes = ["unknown", "unknown", "taken"] * 2 + ["unknown", "unknown"]
    facts = [ROOM, *people(99), *(sent(n, n, phone(n), outcome) for n, outcome in enumerate(outcomes, 1))]
    assert not found(*facts, sent(9, 68, phone(9)))
    assert found(*facts, sent(9, 67, phone(9))) == {"breaker"}
    longer = ["unknown", "taken", *["unknown", "unknown", "taken"] * 2, "taken", "taken", "unknown"]
    facts = [ROOM, *people(99), *(sent(n, n, phone(n), outcome) for n, outcome in enumerate(longer, 1))]
    assert not found(*facts, sent(12, 12, phone(12)))


def test_trials_become_rarer() -> None:
    """They come after 1, 5, 15 and then every 60 minutes."""
    moments = [69, 369, 1269, 4869, 8469]
    trials = [sent(n, at, phone(n), "unknown") for n, at in enumerate(moments, 4)]
    assert not found(*outage(), *trials)
    for early in range(len(moments)):
        sooner = [sent(n, at - (n - 4 == early), phone(n), "unknown") for n, at in enumerate(moments, 4)]
        assert found(*outage(), *sooner) == {"breaker"}


def test_refused_trial_may_be_followed_by_two_others() -> None:
    """They go to other recipients at once, three in all."""
    trials = [sent(n, 65 + n, phone(n), "refused", cause=42) for n in (4, 5, 6, 7)]
    assert not found(*outage(), *trials[:3])
    assert found(*outage(), *trials) == {"breaker"}
    assert found(*outage(), trials[0], sent(4, 70, phone(4))) == {"breaker"}
    assert found(*outage(), sent(4, 69, phone(4), "unknown"), sent(5, 70, phone(5))) == {"breaker"}
    nobody = [sent(n, 65 + n, phone(n), "refused", cause=27) for n in (4, 5, 6, 7, 8)]
    assert not found(*outage(), *nobody)


def test_accepted_answer_closes_the_breaker() -> None:
    """A late result does, too; half an answer does not."""
    assert not found(*outage(), sent(4, 69, phone(4)), sent(5, 70, phone(5)))
    assert not found(*outage(), LateTaken(at=10, answer=3, attempt=1, sequence=1), sent(4, 12, phone(4)))
    half = [sent(4, 69, phone(4), total=2), sent(5, 70, phone(5))]
    assert found(*outage(), *half) == {"breaker"}
    assert not found(*outage(), *typed(999, 12), sent(4, 15, phone(4)))
    whole = [half[0], sent(4, 72, phone(4), sequence=2, total=2), sent(5, 75, phone(5))]
    assert not found(*outage(), *whole)


@pytest.mark.parametrize("hope", [Resumed, Hoped])
def test_reason_for_hope_makes_a_trial_due(hope: type[Fact]) -> None:
    """At least five minutes lie between two trials."""
    assert not found(*outage(), hope(at=12), sent(4, 12, phone(4), "unknown"))
    failed = [*outage(), *(sent(n, at, phone(n), "unknown") for n, at in ((4, 69), (5, 369), (6, 1269)))]
    assert not found(*failed, hope(at=1300), sent(7, 1569, phone(7), "unknown"))
    assert found(*failed, hope(at=1300), sent(7, 1568, phone(7), "unknown")) == {"breaker"}


def test_restore_undoes_outcomes_since_the_backup() -> None:
    """Earlier ones stay."""
    assert not found(*outage(), Restored(at=10, copied_at=8), sent(4, 12, phone(4)))
    assert found(*outage(), Restored(at=10, copied_at=9), sent(4, 12, phone(4))) == {"breaker"}
    again = [sent(4, 12, phone(4), "unknown"), sent(5, 15, phone(5))]
    assert found(*outage(), Restored(at=10, copied_at=8), *again) == {"breaker"}
    assert not found(*outage("refused", 42), Restored(at=10, copied_at=8), *again)
    assert not found(*outage(), sent(4, 69, phone(4)), Restored(at=70, copied_at=8), sent(5, 71, phone(5)))


# ---- countries


def german(serial: int) -> str:
    """Return a German mobile."""
    return f"+4915112{serial:06}"


def abroad() -> list[Fact]:
    """Return an outage that began with two Belgians and a German at 9 s, and ended at 69 s with a Belgian."""
    waiting = [*people(99), *(came(100 + n, 0, german(n)) for n in range(50)), came(200, 0, "+33612345678")]
    failed = [sent(1, 3, phone(1), "unknown"), sent(2, 6, phone(2), "unknown"), sent(100, 9, german(0), "unknown")]
    return [ROOM, *waiting, *failed, sent(4, 69, phone(4))]


def test_country_with_failures_only_is_in_outage() -> None:
    """The line goes on; the first trial comes a minute later.

    Other countries do not wait.
    """
    assert not found(*abroad(), sent(5, 72, phone(5)), sent(200, 75, "+33612345678"), sent(101, 129, german(1)))
    assert found(*abroad(), sent(101, 128, german(1))) == {"breaker"}
    late = LateTaken(at=70, answer=100, attempt=1, sequence=1)
    assert not found(*abroad(), late, sent(101, 71, german(1)))
    by_hand = typed(999, 70, german(7))
    assert not found(*abroad(), *by_hand, sent(101, 73, german(1)))


def test_trials_of_a_country_become_rarer() -> None:
    """Trials come after 1, 5, 15, then every 60 minutes.

    The country's failures do not stop the line.
    """
    moments = [129, 429, 1329, 4929]
    trials = [sent(101 + n, at, german(1 + n), "unknown") for n, at in enumerate(moments)]
    assert not found(*abroad(), *trials, sent(5, 5000, phone(5)))
    for early in range(len(moments)):
        sooner = [sent(101 + n, at - (n == early), german(1 + n), "unknown") for n, at in enumerate(moments)]
        assert found(*abroad(), *sooner) == {"breaker"}
    at_once = [sent(101 + n, 129 + n, german(1 + n), "refused", cause=10) for n in range(4)]
    assert not found(*abroad(), *at_once[:3])
    assert found(*abroad(), *at_once) == {"breaker"}


def test_countries_in_outage_share_one_trial_an_hour() -> None:
    """Each has the first two rounds by itself."""
    french = [came(300 + n, 0, f"+3361234{n:04}") for n in range(9)]
    both = [
        *(ROOM, *people(99), *french, *(came(100 + n, 0, german(n)) for n in range(50))),
        *(sent(1, 3, phone(1), "unknown"), sent(100, 6, german(0), "unknown")),
        *(sent(300, 9, "+33612340000", "unknown"), sent(4, 69, phone(4))),
    ]
    own = [
        *(sent(101, 129, german(1), "unknown"), sent(301, 132, "+33612340001", "unknown")),
        *(sent(102, 429, german(2), "unknown"), sent(302, 432, "+33612340002", "unknown")),
    ]
    third = sent(103, 1329, german(3), "unknown")
    assert not found(*both, *own, third, sent(303, 4929, "+33612340003", "unknown"))
    assert found(*both, *own, third, sent(303, 4928, "+33612340003", "unknown")) == {"breaker"}
    assert found(*both, *own, sent(303, 1332, "+33612340003", "unknown"), sent(103, 4931, german(3))) == {"breaker"}


def test_country_without_failures_is_tried_at_once() -> None:
    """The trial comes five minutes after the one before, whatever the pause."""
    waiting = [*people(99), *(came(100 + n, 0, german(n)) for n in range(50))]
    failed = [ROOM, *waiting, *(sent(100 + n, 3 * n, german(n), "unknown") for n in (1, 2, 3))]
    assert not found(*failed, sent(1, 12, phone(1), "unknown"))
    assert found(*failed, sent(104, 12, german(4), "unknown")) == {"breaker"}
    tried = [*failed, *(sent(100 + n, at, german(n), "unknown") for n, at in ((4, 69), (5, 369), (6, 1269)))]
    assert not found(*tried, sent(1, 1569, phone(1), "unknown"))
    assert found(*tried, sent(1, 1568, phone(1), "unknown")) == {"breaker"}
    assert found(*tried, sent(1, 1569, phone(1), "unknown"), sent(2, 1900, phone(2))) == {"breaker"}
