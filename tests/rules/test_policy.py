"""The rules for answers, with values in and values out."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotlined.gsm.address import Identity, LineType
from hotlined.rules import policy, recognition
from hotlined.rules.policy import Contact, History, Limits, Numbers, Queued, Reason, Rules, Spent, WaitingFor, Windows

NUMBER = "+32470123456"
BELGIAN = Identity(originator=NUMBER, e164=NUMBER, country="BE", line_type=LineType.MOBILE)
DAY = 86400.0
NEW = History()
NOTHING_SPENT = dict.fromkeys(policy.WINDOW_SECONDS, Spent())


def rules(**changes: object) -> Rules:
    """Return the usual rules with changes."""
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
    """Judge the usual contact with changes."""
    return policy.judge(Contact(kind, identity, age), history, rules(**changes), now)


def test_a_first_contact_is_answered() -> None:
    """A number without an answer that breaks no rule is answered."""
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
def test_each_rule_suppresses_with_its_own_reason(reason: Reason, arguments: dict[str, object]) -> None:
    """A suppressed contact has the reason of the rule that it breaks."""
    assert judge(**arguments) == policy.Verdict(answer=False, reason=reason)  # type: ignore[arg-type]


def test_a_country_with_a_text_of_its_own_is_answered() -> None:
    """An empty default answer does not hold it back."""
    assert judge(text_countries=frozenset({"BE"})).answer


@pytest.mark.parametrize("line_type", sorted(set(LineType) - policy.ANSWERABLE_LINES))
def test_only_mobile_lines_are_answered(line_type: LineType) -> None:
    """Short codes, names and premium numbers get no answer."""
    identity = Identity(originator=NUMBER, e164=NUMBER, country="BE", line_type=line_type)

    assert judge(identity).reason is Reason.NOT_ANSWERABLE


@pytest.mark.parametrize("answers", [1, 2])
def test_a_cooldown_ends(answers: int) -> None:
    """It lasts a day after the first answer, then a week."""
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
    """Ask the gate about the usual answer with changes."""
    answer = Queued(BELGIAN, kind, segments, age, skips_number_limits or by_hand, by_hand, begun, has_text=has_text)
    return policy.gate(answer, history, {**NOTHING_SPENT, **(spent or {})}, rules(**changes), now, line)


def test_the_gate_lets_a_valid_answer_out() -> None:
    """The pass has the share that the answer counts in."""
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
def test_the_gate_checks_everything_again(reason: Reason, arguments: dict[str, object]) -> None:
    """Blocks, opt-outs and lowered limits since the queueing cancel the answer."""
    assert gate(**arguments) == policy.Cancel(reason)  # type: ignore[arg-type]


def test_a_pause_holds_answers() -> None:
    """During a pause nothing is sent, and nothing is cancelled for it."""
    for by_hand, begun in ((False, False), (True, False), (False, True)):
        assert gate(line=policy.LineHold.PAUSED, by_hand=by_hand, begun=begun) == policy.Wait(WaitingFor.PAUSED)


def test_an_open_breaker_holds_answers_but_no_text_by_hand() -> None:
    """During an outage answers wait, while a person's text may be tried."""
    assert gate(line=policy.LineHold.BREAKER_OPEN) == policy.Wait(WaitingFor.OUTAGE)
    assert gate(line=policy.LineHold.BREAKER_OPEN, begun=True) == policy.Wait(WaitingFor.OUTAGE)
    assert gate(line=policy.LineHold.BREAKER_OPEN, by_hand=True) == policy.Pass(known=False)


def test_the_rest_of_a_begun_answer_needs_no_window() -> None:
    """Its segments are counted; age and cooldown do not stop it."""
    history = History(answers=3, last_answer=0.0)
    nothing = Limits(segments=Windows(0, 0, 0))

    assert gate(begun=True, history=history, age=timedelta(days=9), limits=nothing) == policy.Pass(known=True)


@pytest.mark.parametrize("window", policy.WINDOW_SECONDS)
def test_a_full_window_holds_answers(window: str) -> None:
    """The answer has more segments than the window has left."""
    limits = Limits(segments=Windows(hour=10, day=10, month=10), reserve_for_new=0)

    assert gate(spent={window: Spent(9, 0)}, limits=limits) == policy.Wait(WaitingFor(f"budget_{window}"))
    assert gate(spent={window: Spent(8, 0)}, limits=limits) == policy.Pass(known=False)


def test_the_reserve_is_for_new_numbers() -> None:
    """Answers to known numbers leave it; new ones may use all."""
    limits = Limits(segments=Windows(hour=11, day=11, month=11), reserve_for_new=50)
    known = History(answers=1, last_answer=0.0)

    assert gate(spent={"hour": Spent(4, 4)}, history=known, now=DAY, limits=limits) == policy.Pass(known=True)
    assert gate(spent={"hour": Spent(5, 5)}, history=known, now=DAY, limits=limits) == policy.Wait(WaitingFor.RESERVE)
    assert gate(spent={"hour": Spent(9, 5)}, limits=limits) == policy.Pass(known=False)


def test_a_text_by_hand_needs_only_a_window() -> None:
    """Cooldown, cap and opt-out are for answers."""
    history = History(answers=9, last_answer=0.0, opted_out=True)

    assert gate(by_hand=True, history=history) == policy.Pass(known=True)
    nothing = Limits(segments=Windows(0, 0, 0))
    assert isinstance(gate(by_hand=True, limits=nothing), policy.Wait)


def test_a_requeued_answer_needs_only_windows_and_no_block_or_opt_out() -> None:
    """A person has decided about cooldown, cap and country."""
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
    """Answers to known numbers fit into their share, too."""
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


# ---- machines, and people who want no more answers

OURS = "Hey! Non, non, c’est pas qui tu crois. Tu sais, mettre les autres mal à l’aise, c’est pas cool."
ANSWERED = History(answers=1, last_answer=0.0)


def judge_text(text: str, history: History = NEW, now: float = 365 * DAY) -> Reason:
    """Return the reason of a text's verdict."""
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
    """Shortened, quoted, capital or transliterated words count, from any sender."""
    assert judge_text(text) is Reason.LOOP


@pytest.mark.parametrize("text", ["Un cœur, non.", "un coeur non"])
def test_our_answer_is_recognised_after_its_encoding(text: str) -> None:
    """A ligature that GSM-7 lacks comes back as two letters."""
    ours = rules(our_texts=(recognition.fold("Un cœur, non."),))
    assert policy.is_loop(recognition.fold(text), NEW, ours)


@pytest.mark.parametrize("text", ["Salut ça va ?", "c'est pas cool", "Hey! Non mais c’est qui ?", "", "a"])
def test_a_text_that_resembles_our_answer_is_answered(text: str) -> None:
    """A few words in common are not a loop."""
    assert judge_text(text) is Reason.FIRST_CONTACT


def test_a_repeated_long_text_is_a_loop() -> None:
    """Persons may repeat a short text a few times."""
    away = "Je suis absent jusqu'au 12, pour toute urgence appelez le bureau."
    for text, same, reason in (
        (away, 0, Reason.COOLDOWN_OVER),
        (away, 1, Reason.LOOP),
        ("salut", 1, Reason.COOLDOWN_OVER),
        ("salut", policy.SAME_SHORT_TEXTS, Reason.LOOP),
    ):
        assert judge_text(text, History(answers=1, last_answer=0.0, same_texts=same)) is reason


@pytest.mark.parametrize("ours", ["Non.", "No", "Stop."])
def test_a_short_answer_is_compared_whole(ours: str) -> None:
    """Many texts contain "non", so only the whole text counts."""
    in_force = rules(our_texts=(recognition.fold(ours),))

    assert policy.is_loop(recognition.fold(ours.upper()), NEW, in_force)
    for text in ("Annonce ton nom", "I know you", "Stoppe ça", ""):
        assert not policy.is_loop(recognition.fold(text), NEW, in_force)


@pytest.mark.parametrize("first", ["A", "a"])
def test_our_answer_in_other_letters_is_recognised(first: str) -> None:
    """Mathematical capitals, as on some phones, count as plain letters."""
    bold = {ord("A") + number: 0x1D5D4 + number for number in range(26)}
    small = {ord("a") + number: (0x1D5D4 if first == "A" else 0x1D5EE) + number for number in range(26)}

    assert policy.is_loop(
        recognition.fold(OURS.translate(bold | small)), NEW, rules(our_texts=(recognition.fold(OURS),))
    )


def test_a_long_text_is_compared_with_many_answers_at_once() -> None:
    """Variants and countries make many; one search serves all."""
    ours = tuple(recognition.fold(f"{OURS} {number}") for number in range(600))
    book = "bla" * 300_000

    assert not policy.is_loop(book, NEW, rules(our_texts=ours))
    assert policy.is_loop(book + ours[-1], NEW, rules(our_texts=ours))


@given(st.text("abc", max_size=60), st.slices(60), st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_a_loop_is_a_long_common_run_or_a_whole_short_answer(ours: str, part: slice, before: str, behind: str) -> None:
    """A run is 24 characters, anywhere in both texts."""
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
    """Case, accents, blanks, punctuation and politeness do not matter.

    Even a first contact opts out.
    """
    assert judge_text(text, ANSWERED) is Reason.OPTED_OUT
    assert judge_text(text) is Reason.OPTED_OUT


def test_a_hidden_number_has_the_stricter_rule() -> None:
    """An unknown history means that nothing is sent."""
    hidden = History(hidden=True)
    assert judge_text("Salut", hidden) is Reason.FIRST_CONTACT
    for by_hand in (False, True):
        assert gate(1, hidden, by_hand=by_hand) == policy.Wait(policy.WaitingFor.HELD)


@pytest.mark.parametrize("text", ["stop it", "arrête de m'écrire", "stooop", "", "merci", "stop ça", "sms svp"])
def test_a_text_with_more_than_the_word_does_not_opt_out(text: str) -> None:
    """Only the bare word silences a number for good."""
    assert judge_text(text, ANSWERED) is Reason.COOLDOWN_OVER


# ---- meanings of a result


@pytest.mark.parametrize("cms", [27, 195, 196])
def test_a_refusal_about_the_recipient_fails_at_once(cms: int) -> None:
    """Nonexistent or unreachable numbers say nothing about the line."""
    assert policy.fate(policy.Refused(cms), policy.Refusals()) is policy.Fate.FAILED


@pytest.mark.parametrize("cms", [8, 10, 37, 39, 41, 42, 47, 50, 127, 128, 192, 193, 194, 255, 300, 314, 330, 331])
def test_a_refusal_about_the_line_fails_only_while_others_leave(cms: int) -> None:
    """Another number's segment has to be taken between all attempts.

    Until then the segment is tried again.
    """
    refused = policy.Refused(cms)
    assert policy.fate(refused, policy.Refusals(50, 1, cms, others_left=False)) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(4, 4, cms)) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(5, 5, cms)) is policy.Fate.FAILED


@pytest.mark.parametrize("cms", [1, 21, 28, 29, 30])
def test_an_ambiguous_refusal_fails_at_the_second_time_while_others_leave(cms: int) -> None:
    """Barring may be the recipient's or the line's; the unassigned number may be the service centre's."""
    refused = policy.Refused(cms)
    assert policy.fate(refused, policy.Refusals()) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(1, 1, 42)) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(1, 1, 30, others_left=False)) is policy.Fate.RETRY
    assert policy.fate(refused, policy.Refusals(1, 1, 30)) is policy.Fate.FAILED


@pytest.mark.parametrize("cms", [None, 0, 38, 256, 299, 332, 500, 512, 3000])
def test_an_inconclusive_refusal_is_unconfirmed(cms: int | None) -> None:
    """Plain ERROR, 38 (also a centre that did not answer in time), 332, 500 and makers' causes prove nothing."""
    refused = policy.Refused(cms)
    assert policy.fate(refused, policy.Refusals()) is policy.Fate.UNCONFIRMED
    assert policy.fate(policy.Unknown(policy.AttemptCause.NO_RESULT), policy.Refusals()) is policy.Fate.UNCONFIRMED


def test_a_refusal_before_the_payload_is_certain() -> None:
    """Any error before Ctrl-Z proves that the segment was not sent."""
    assert policy.fate(policy.Refused(before_payload=True), policy.Refusals()) is policy.Fate.RETRY
