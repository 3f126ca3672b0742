"""The rules, as values in and values out."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotlined import policy, recognition
from hotlined.gsm.address import Identity, LineType
from hotlined.policy import Contact, History, Limits, Numbers, Queued, Reason, Rules, Spent, WaitingFor, Windows

NUMBER = "+32470123456"
BELGIAN = Identity(originator=NUMBER, e164=NUMBER, country="BE", line_type=LineType.MOBILE)
DAY = 86400.0
NEW = History()
NOTHING_SPENT = dict.fromkeys(policy.WINDOW_SECONDS, Spent())


def rules(**changes: object) -> Rules:
    """Give the usual rules, changed."""
    usual = {"limits": Limits(), "numbers": Numbers(), "max_age": timedelta(hours=24)}
    return Rules(**{**usual, **changes})  # type: ignore[arg-type]


def judge(
    identity: Identity = BELGIAN,
    kind: str = "text",
    age: timedelta = timedelta(0),
    history: History = NEW,
    now: float = 0.0,
    **changes: object,
) -> policy.Verdict:
    """Judge a contact that is the usual one but for what is given."""
    return policy.judge(Contact(kind, identity, age), history, rules(**changes), now)


def test_a_first_contact_is_answered() -> None:
    """Who was never answered and breaks no rule gets the answer."""
    assert judge() == policy.Verdict(answer=True, reason=Reason.FIRST_CONTACT)


@pytest.mark.parametrize(
    ("reason", "arguments"),
    [
        (Reason.NOT_TEXT, {"kind": "data"}),
        (Reason.NOT_TEXT, {"kind": "service"}),
        (Reason.NOT_TEXT, {"kind": "unreadable"}),
        (Reason.NOT_TEXT, {"kind": "call", "answer_calls": False}),
        (Reason.OWN_NUMBER, {"own_numbers": frozenset({NUMBER})}),
        (Reason.BLOCKED, {"history": History(blocked=True)}),
        (Reason.BLOCKED, {"numbers": Numbers(blocked=(NUMBER,))}),
        (Reason.OPTED_OUT, {"history": History(opted_out=True)}),
        (Reason.COUNTRY, {"numbers": Numbers(answer_countries=("FR",))}),
        (Reason.SIM_CHANGED, {"sim_changed": True}),
        (Reason.NO_ANSWER_TEXT, {"text_countries": frozenset()}),
        (Reason.NO_ANSWER_TEXT, {"text_countries": frozenset({"NL"}), "history": History(answers=3, last_answer=0.0)}),
        (Reason.STALE, {"age": timedelta(hours=25)}),
        (Reason.PENDING, {"history": History(pending=True)}),
        (Reason.PER_NUMBER, {"limits": Limits(per_number=0)}),
        (Reason.PER_NUMBER, {"history": History(answers=3, last_answer=0.0), "now": 365 * DAY}),
        (Reason.COOLDOWN, {"history": History(answers=1, last_answer=0.0), "now": DAY - 1}),
        (Reason.COOLDOWN, {"history": History(answers=2, last_answer=0.0), "now": 7 * DAY - 1}),
    ],
)
def test_what_is_not_answered_says_why(reason: Reason, arguments: dict[str, object]) -> None:
    """Each rule suppresses with its own reason."""
    assert judge(**arguments) == policy.Verdict(answer=False, reason=reason)  # type: ignore[arg-type]


def test_a_country_with_a_text_of_its_own_is_answered() -> None:
    """Where there is no text for all numbers, there may be one for some."""
    assert judge(text_countries=frozenset({"BE"})).answer


@pytest.mark.parametrize("line_type", sorted(set(LineType) - policy.ANSWERABLE_LINES))
def test_lines_that_cannot_be_answered_are_not(line_type: LineType) -> None:
    """Short codes, names, premium and every other line but mobile ones get nothing."""
    identity = Identity(originator=NUMBER, e164=NUMBER, country="BE", line_type=line_type)

    assert judge(identity).reason is Reason.NOT_ANSWERABLE


@pytest.mark.parametrize("answers", [1, 2])
def test_a_cooldown_ends(answers: int) -> None:
    """After the first answer a day passes, after the second a week, then a text is answered again."""
    history = History(answers=answers, last_answer=0.0)

    assert judge(history=history, now=(1, 7)[answers - 1] * DAY).reason is Reason.COOLDOWN_OVER


def gate(
    segments: int = 2,
    history: History = NEW,
    spent: dict[str, Spent] | None = None,
    now: float = 0.0,
    *,
    age: timedelta = timedelta(0),
    kind: str = "text",
    skips_number_limits: bool = False,
    by_hand: bool = False,
    begun: bool = False,
    has_text: bool = True,
    line: policy.LineHold | None = None,
    **changes: object,
) -> policy.Gate:
    """Ask the gate about an answer that is the usual one but for what is given."""
    answer = Queued(BELGIAN, kind, segments, age, skips_number_limits or by_hand, by_hand, begun, has_text=has_text)
    return policy.gate(answer, history, {**NOTHING_SPENT, **(spent or {})}, rules(**changes), now, line)


def test_the_gate_lets_an_answer_out() -> None:
    """What breaks no rule passes, and says from which share it is counted."""
    assert gate() == policy.Pass(known=False)
    assert gate(history=History(answers=1, last_answer=0.0), now=DAY) == policy.Pass(known=True)
    assert gate(segments=2, max_segments=2) == policy.Pass(known=False)


@pytest.mark.parametrize(
    ("reason", "arguments"),
    [
        (Reason.BLOCKED, {"history": History(blocked=True)}),
        (Reason.BLOCKED, {"history": History(blocked=True), "by_hand": True}),
        (Reason.BLOCKED, {"history": History(blocked=True), "begun": True}),
        (Reason.OPTED_OUT, {"history": History(opted_out=True)}),
        (Reason.OPTED_OUT, {"history": History(opted_out=True), "skips_number_limits": True}),
        (Reason.OPTED_OUT, {"history": History(opted_out=True), "begun": True}),
        (Reason.STALE, {"age": timedelta(hours=25), "skips_number_limits": True}),
        (Reason.COUNTRY, {"numbers": Numbers(answer_countries=("FR",))}),
        (Reason.OWN_NUMBER, {"own_numbers": frozenset({NUMBER})}),
        (Reason.NOT_TEXT, {"kind": "call", "answer_calls": False}),
        (Reason.TOO_LONG, {"max_segments": 1}),
        (Reason.NO_ANSWER_TEXT, {"has_text": False}),
        (Reason.NO_ANSWER_TEXT, {"has_text": False, "skips_number_limits": True}),
        (Reason.NO_ANSWER_TEXT, {"has_text": False, "line": policy.LineHold.PAUSED}),
        (Reason.STALE, {"age": timedelta(hours=25)}),
        (Reason.PER_NUMBER, {"limits": Limits(per_number=0)}),
        (Reason.COOLDOWN, {"history": History(answers=1, last_answer=0.0), "now": 1.0}),
        (Reason.SIM_CHANGED, {"sim_changed": True}),
    ],
)
def test_the_gate_checks_again_what_was_true_when_it_was_queued(reason: Reason, arguments: dict[str, object]) -> None:
    """A block, an opt-out, an edited limit or an outage since then cancels the answer."""
    assert gate(**arguments) == policy.Cancel(reason)  # type: ignore[arg-type]


def test_a_pause_keeps_answers() -> None:
    """While the line is paused nothing leaves and nothing is cancelled for it."""
    for by_hand, begun in ((False, False), (True, False), (False, True)):
        assert gate(line=policy.LineHold.PAUSED, by_hand=by_hand, begun=begun) == policy.Wait(WaitingFor.PAUSED)


def test_an_open_breaker_keeps_answers_but_no_text_by_hand() -> None:
    """While nothing leaves answers wait; a person may try all the same."""
    assert gate(line=policy.LineHold.BREAKER_OPEN) == policy.Wait(WaitingFor.OUTAGE)
    assert gate(line=policy.LineHold.BREAKER_OPEN, begun=True) == policy.Wait(WaitingFor.OUTAGE)
    assert gate(line=policy.LineHold.BREAKER_OPEN, by_hand=True) == policy.Pass(known=False)


def test_the_rest_of_an_answer_is_asked_for_no_window() -> None:
    """Its place is its own since its first segment left; nor is it stale, or in a cooldown that it began."""
    history = History(answers=3, last_answer=0.0)
    nothing = Limits(segments=Windows(0, 0, 0))

    assert gate(begun=True, history=history, age=timedelta(days=9), limits=nothing) == policy.Pass(known=True)


@pytest.mark.parametrize("window", policy.WINDOW_SECONDS)
def test_a_full_window_keeps_answers(window: str) -> None:
    """An answer whose segments do not all fit into a window waits for it."""
    limits = Limits(segments=Windows(hour=10, day=10, month=10), reserve_for_new=0)

    assert gate(spent={window: Spent(9, 0)}, limits=limits) == policy.Wait(WaitingFor(f"budget_{window}"))
    assert gate(spent={window: Spent(8, 0)}, limits=limits) == policy.Pass(known=False)


def test_the_reserve_is_for_new_numbers() -> None:
    """Numbers that were answered before leave the reserved share alone; new ones may use all."""
    limits = Limits(segments=Windows(hour=11, day=11, month=11), reserve_for_new=50)
    known = History(answers=1, last_answer=0.0)

    assert gate(spent={"hour": Spent(4, 4)}, history=known, now=DAY, limits=limits) == policy.Pass(known=True)
    assert gate(spent={"hour": Spent(5, 5)}, history=known, now=DAY, limits=limits) == policy.Wait(WaitingFor.RESERVE)
    assert gate(spent={"hour": Spent(9, 5)}, limits=limits) == policy.Pass(known=False)


def test_a_persons_own_send_is_held_to_windows_alone() -> None:
    """Cooldown, cap and opting out are for answers; what a person sends by hand still costs budget."""
    history = History(answers=9, last_answer=0.0, opted_out=True)

    assert gate(by_hand=True, history=history) == policy.Pass(known=True)
    nothing = Limits(segments=Windows(0, 0, 0))
    assert isinstance(gate(by_hand=True, limits=nothing), policy.Wait)


def test_what_a_person_wants_sent_again_is_held_to_windows_blocks_and_opt_outs() -> None:
    """Cooldown, cap and country are not asked a second time of a person who has decided."""
    history = History(answers=9, last_answer=0.0)

    assert gate(skips_number_limits=True, history=history, numbers=Numbers(answer_countries=())) == policy.Pass(
        known=True
    )


@given(
    spent=st.integers(0, 100),
    known=st.integers(0, 100),
    segments=st.integers(1, 9),
    limit=st.integers(0, 100),
    share=st.integers(0, 100),
    answers=st.integers(0, 2),
)
def test_no_window_is_ever_overspent(
    spent: int, known: int, segments: int, limit: int, share: int, answers: int
) -> None:
    """Whatever was spent, what passes fits into every window, and known numbers into their share."""
    limits = Limits(segments=Windows(limit, limit, limit), reserve_for_new=share)
    history = History(answers=answers, last_answer=0.0 if answers else None)
    before = Spent(max(spent, known), known)
    result = gate(segments, history, dict.fromkeys(policy.WINDOW_SECONDS, before), 30 * DAY, limits=limits)

    if isinstance(result, policy.Pass):
        assert before.total + segments <= limit
        assert not result.known or before.known + segments <= limit - limit * share // 100
    else:
        assert isinstance(result, policy.Wait)
        assert before.total + segments > limit or answers


# ---- machines and people who want no more

OURS = "Hey! Non, non, c’est pas qui tu crois. Tu sais, mettre les autres mal à l’aise, c’est pas cool."
ANSWERED = History(answers=1, last_answer=0.0)


def judge_text(text: str, history: History = NEW, now: float = 365 * DAY) -> Reason:
    """Judge a text and return the reason."""
    in_force = rules(our_texts=(recognition.fold(OURS),))
    contact = Contact(
        "text",
        BELGIAN,
        timedelta(0),
        recognition.fold(text),
        recognition.opts_out(text, in_force.numbers.opt_out_words),
    )
    return policy.judge(contact, history, in_force, now).reason


@pytest.mark.parametrize(
    "text",
    [
        OURS,
        OURS[:50],
        OURS[30:],
        "RE: " + OURS.upper(),
        '"' + OURS.replace("’", "'") + '" lol',
        "Away: you wrote: tu sais  mettre les autres mal a l aise",
        OURS.replace("’", ""),
    ],
)
def test_our_own_answer_coming_back_is_a_loop(text: str) -> None:
    """Whole, shortened, quoted, in capitals or transliterated: our words are not answered, whoever sends them."""
    assert judge_text(text) is Reason.LOOP


@pytest.mark.parametrize("text", ["Un cœur, non.", "un coeur non"])
def test_our_answer_is_known_as_it_stands_on_the_air(text: str) -> None:
    """A ligature that GSM-7 lacks comes back as two letters, and is the same answer."""
    ours = rules(our_texts=(recognition.fold("Un cœur, non."),))
    assert policy.is_loop(recognition.fold(text), NEW, ours)


@pytest.mark.parametrize("text", ["Salut ça va ?", "c'est pas cool", "Hey! Non mais c’est qui ?", "", "a"])
def test_what_only_resembles_our_answer_is_answered(text: str) -> None:
    """A few words in common are no loop."""
    assert judge_text(text) is Reason.FIRST_CONTACT


def test_a_machine_that_answers_each_answer_is_a_loop_at_its_second_text() -> None:
    """The same long text after an answer comes from no person; a short one may, a few times."""
    away = "Je suis absent jusqu'au 12, pour toute urgence appelez le bureau."
    for text, same, reason in (
        (away, 0, Reason.COOLDOWN_OVER),
        (away, 1, Reason.LOOP),
        ("salut", 1, Reason.COOLDOWN_OVER),
        ("salut", policy.SAME_SHORT_TEXTS, Reason.LOOP),
    ):
        assert judge_text(text, History(answers=1, last_answer=0.0, same_texts=same)) is reason


@pytest.mark.parametrize("ours", ["Non.", "No", "Stop."])
def test_a_short_answer_makes_nobody_a_machine(ours: str) -> None:
    """Many a text has "non" in it: an answer shorter than a long run is known by the whole text alone."""
    in_force = rules(our_texts=(recognition.fold(ours),))

    assert policy.is_loop(recognition.fold(ours.upper()), NEW, in_force)
    for text in ("Annonce ton nom", "I know you", "Stoppe ça", ""):
        assert not policy.is_loop(recognition.fold(text), NEW, in_force)


@pytest.mark.parametrize("first", ["A", "a"])
def test_our_answer_in_letters_of_another_style_is_ours(first: str) -> None:
    """Bold capitals of mathematics, say, which some phones offer: they are the letters that they look like."""
    bold = {ord("A") + number: 0x1D5D4 + number for number in range(26)}
    small = {ord("a") + number: (0x1D5D4 if first == "A" else 0x1D5EE) + number for number in range(26)}

    assert policy.is_loop(
        recognition.fold(OURS.translate(bold | small)), NEW, rules(our_texts=(recognition.fold(OURS),))
    )


def test_a_long_text_is_compared_with_hundreds_of_ours_in_no_time() -> None:
    """Variants and countries make many answers: a text as long as a book is looked through once, not for each."""
    ours = tuple(recognition.fold(f"{OURS} {number}") for number in range(600))
    book = "bla" * 300_000

    assert not policy.is_loop(book, NEW, rules(our_texts=ours))
    assert policy.is_loop(book + ours[-1], NEW, rules(our_texts=ours))


@given(st.text("abc", max_size=60), st.slices(60), st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_a_loop_is_a_long_run_in_common_or_the_whole_of_a_short_answer(
    ours: str, part: slice, before: str, behind: str
) -> None:
    """A run is 24 characters, wherever it stands in both."""
    text = before + ours[part] + behind
    runs = [ours[start : start + recognition.SHARED_RUN] for start in range(len(ours) - recognition.SHARED_RUN + 1)]
    shared = any(run in text for run in runs) if runs else bool(ours) and text == ours

    assert policy.is_loop(text, NEW, rules(our_texts=(ours,))) == shared


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "STOP!",
        " Arrêt. ",
        "stoppen",
        "s t o p",
        "Stop svp",
        "STOP SMS",
        "stop, merci",
        "stp stop",
        "Arrêt, s’il vous plaît !",
        "stoppen aub",
        "Stoppen alstublieft",
        "please stop, thanks",
    ],
)
def test_a_word_that_opts_out_does_so_at_any_time(text: str) -> None:
    """Case, accents, blanks, punctuation and polite words aside, from a first contact too."""
    assert judge_text(text, ANSWERED) is Reason.OPTED_OUT
    assert judge_text(text) is Reason.OPTED_OUT


def test_what_is_hidden_is_held_to_the_stricter_rule() -> None:
    """Where nobody knows whether a number had an answer nothing goes out to anyone."""
    hidden = History(hidden=True)
    assert judge_text("Salut", hidden) is Reason.FIRST_CONTACT
    for by_hand in (False, True):
        assert gate(1, hidden, by_hand=by_hand) == policy.Wait(policy.WaitingFor.HELD)


@pytest.mark.parametrize("text", ["stop it", "arrête de m'écrire", "nonstop", "", "merci", "stop ça", "sms svp"])
def test_more_than_the_word_does_not_opt_out(text: str) -> None:
    """Only a text that is nothing but the word silences a number for good."""
    assert judge_text(text, ANSWERED) is Reason.COOLDOWN_OVER


# ---- what a result means


@pytest.mark.parametrize("cms", sorted({1, 27, 195, 196}))
def test_a_refusal_about_the_recipient_fails_at_once(cms: int) -> None:
    """A number that is not there, or may not be reached, says nothing about the line."""
    assert policy.fate(policy.Refused(cms), policy.Refusals()) is policy.Fate.FAILED


@pytest.mark.parametrize("cms", [8, 10, 38, 41, 42, 47, 50, 127, 128, 192, 193, 194, 255, 300, 314, 330, 331])
def test_a_refusal_about_the_line_fails_only_while_others_leave(cms: int) -> None:
    """It is tried again, and its end comes only if somebody else's segment was taken between all of its tries."""
    refused = policy.Refused(cms)
    assert policy.fate(refused, policy.Refusals(50, 1, cms, others_left=False)) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(4, 4, cms)) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(5, 5, cms)) is policy.Fate.FAILED


@pytest.mark.parametrize("cms", [21, 28, 29, 30])
def test_a_refusal_that_may_be_either_fails_at_the_second_time_while_others_leave(cms: int) -> None:
    """Barred is the recipient's fault if others leave in between, else the line's."""
    refused = policy.Refused(cms)
    assert policy.fate(refused, policy.Refusals()) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(1, 1, 38)) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(1, 1, 30, others_left=False)) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(1, 1, 30)) is policy.Fate.FAILED


@pytest.mark.parametrize("cms", [None, 0, 256, 299, 332, 500, 512, 3000])
def test_a_refusal_that_proves_nothing_is_unconfirmed(cms: int | None) -> None:
    """Plain ERROR, 332, 500 and a maker's own causes leave open whether the segment left."""
    refused = policy.Refused(cms)
    assert policy.fate(refused, policy.Refusals()) is policy.Fate.UNCONFIRMED
    assert policy.fate(policy.Unknown(policy.AttemptCause.NO_RESULT), policy.Refusals()) is policy.Fate.UNCONFIRMED


def test_what_was_refused_before_the_modem_had_it_cannot_have_left() -> None:
    """An error before Ctrl-Z proves that nothing left, whatever it says."""
    assert policy.fate(policy.Refused(before_payload=True), policy.Refusals()) is policy.Fate.RETRY
