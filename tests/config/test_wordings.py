"""The choice among the texts of an answer: variants, texts for countries, and the record of what was sent."""

import json
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ANSWERS, Line, wait_until
from desk import served
from filled import KEVIN, Filled
from test_stats import HOUR, MONDAY, NOVEMBER, answer, contact, told

from hotlined.config import in_force, parse, show
from hotlined.errors import ConfigError
from hotlined.gsm.alphabet import plan
from hotlined.machine.clock import Now
from hotlined.store.people import purging

ROOT = Path(__file__).parents[2]
FILE = Path("/somewhere/config.yaml")
PAUL, GRETA = "+32470222222", "+4915112345678"
ONE, TWO, THREE = "Non, c'est non.", "Quand on te dit non, c'est non.", "Het is nee."
MANY = ("Non! " * 36).strip()


def reads(text: str) -> Any:
    """Read a section `answer`."""
    return parse(f"answer:\n{text}", FILE).answer


def problems(text: str) -> tuple[str, ...]:
    """Return the problems of a section `answer`."""
    with pytest.raises(ConfigError) as caught:
        reads(text)
    return tuple(problem.removeprefix(f"{FILE}:") for problem in caught.value.problems)


# the configuration


def test_an_entry_of_texts_may_be_a_list_of_variants() -> None:
    """Each entry is for one answer to a number."""
    answer = reads("  texts: [one, [two, ' or two '], three]\n")
    assert answer.steps == (("one",), ("two", "or two"), ("three",))
    assert [answer.maybe_choose(1, "BE", draw).text for draw in (0, 1, 2, 3)] == ["two", "or two", "two", "or two"]
    assert [answer.maybe_choose(step, "BE", 5).text for step in (0, 2, 9)] == ["one", "three", "three"]


def test_a_country_has_its_own_texts_for_every_answer() -> None:
    """The answer's place does not count there; `NO` is Norway.

    An empty entry is ignored.
    """
    answer = reads("  texts: [one, two]\n  by_country:\n    NO: nei\n    DE: [eins, zwei]\n")
    assert {answer.maybe_choose(step, "NO", 1).text for step in range(4)} == {"nei"}
    assert [answer.maybe_choose(step, "DE", draw).text for step in (0, 3) for draw in (0, 1)] == ["eins", "zwei"] * 2
    assert [answer.maybe_choose(step, country, 0).text for step, country in ((0, "BE"), (1, None))] == ["one", "two"]
    assert reads("  text: one\n  by_country:\n    # NL: twee\n").by_country == ()


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("  texts:\n  - one\n  - []\n", ["4: answer.texts: entry 2: expected 1 to 100 variants, got 0"]),
        (
            "  texts:\n  - one\n  - - two\n    - ''\n",
            ["5: answer.texts: entry 2, variant 2: expected a text that is not blank, got ''"],
        ),
        (
            "  texts:\n  - - two\n    - le #1\n",
            ["4: answer.texts: entry 1, variant 2: ends at the #, and what follows ('#1') "],
        ),
        ("  texts:\n  - [[one]]\n",
         ["3: answer.texts: entry 1, variant 1: expected a text that is not blank, got a list"]),
        (
            "  text: one\n  by_country: twee\n",
            ["3: answer.by_country: expected a section with a country for each key, like {NL: "],
        ),
        (
            "  text: one\n  by_country:\n    uk: no\n    nl: nee\n    XX: x\n",
            [
                "4: answer.by_country: expected a country as two capitals, like BE, got 'uk'; is GB meant?",
                "5: answer.by_country: expected a country as two capitals, like BE, got 'nl'; is NL meant?",
                "6: answer.by_country: expected a country as two capitals, like BE, got 'XX'",
            ],
        ),
        ("  text: one\n  by_country:\n    NL: nee\n    NL: neen\n", ["5: answer.by_country: NL is stated twice"]),
        ("  text: one\n  by_country:\n    NL:\n", ["4: answer.by_country: NL: expected a text that"]),
        (
            "  text: one\n  max_segments: 1\n  by_country:\n    NL: [nee, 'nee 💥" + "!" * 80 + "']\n",
            ["4: answer.by_country: 'nee 💥" + "!" * 34 + "…' has 85 characters; 1 segment holds 70 in ucs2, "],
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(section: str, found: list[str]) -> None:
    """Entry, variant and the likely meaning are named, too."""
    got = problems(section)
    assert [problem[: len(begin)] for problem, begin in zip(got, found, strict=True)] == found


def test_each_variant_is_limited_to_max_segments() -> None:
    """A country's text is limited, too."""
    long = "x" * 400
    assert len(problems(f"  texts: [one, [two, {long}]]\n")) == 1
    assert len(problems(f"  texts: [one]\n  by_country: {{NL: {long}}}\n")) == 1


def test_a_small_file_cannot_ask_for_a_million_texts() -> None:
    """A list repeated by an alias is counted each time."""
    shared = ", ".join(["x"] * 101)
    assert "expected 1 to 100 variants, got 101" in problems(f"  texts: [&a [{shared}]]\n")[0]
    assert "expected at most 100 entries" in problems(f"  texts: [&a [x, y], {', '.join(['*a'] * 100)}]\n")[0]


@pytest.mark.parametrize(
    "answer",
    [
        {"texts": [["a", "b"]]},
        {"texts": ["a", ["b", "c: d"]], "by_country": {"NL": "e", "DE": ["f", 'g "#" h']}},
        {"text": "a", "by_country": {"NO": ["nei", "null"]}},
    ],
)
def test_shown_texts_are_read_back_the_same(answer: dict[str, Any]) -> None:
    """`config show` and the daemon's status write variants and countries."""
    config = parse(yaml.safe_dump({"answer": answer}), FILE)
    assert parse(show(config), FILE) == config
    assert parse(in_force(config), FILE).answer == config.answer
    assert all(text in show(config) for text in ("by_country", "texts"))


# output before any answer


@pytest.fixture
def choosy(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with two variants of its first answer, a second one, and another text for one country."""
    answer = {"texts": [[ONE, MANY], TWO], "by_country": {"NL": THREE, "GB": "No."}, "delay": "30m"}
    filled = Filled(tmp_path, answer=answer, numbers={"answer_countries": ["BE", "FR", "NL"]})
    yield filled
    filled.db.close()


def test_config_check_shows_each_text_and_the_longest(choosy: Filled) -> None:
    """A text that no number can get is a warning."""
    said = choosy.run("config", "check").output
    heads = re.findall(r"^(.*) takes (\d) segments?", said, re.MULTILINE)
    assert heads == [
        ("Answer 1, variant 1", "1"), ("Answer 1, variant 2", "2"), ("Answer 2", "1"), ("The answer for NL", "1"),
        ("The answer for GB", "1"), ("The longest of them", "2"),
    ]  # fmt: skip
    assert "Careful: answer.by_country has GB, numbers.answer_countries has not: nobody there gets it." in said


def test_limits_count_with_the_most_expensive_variant(choosy: Filled) -> None:
    """An answer's worst cost is the cost of that variant."""
    report = json.loads(choosy.run("limits", "--json").output)
    assert [answer["segments"] for answer in report["answers"]] == [2, 1]
    assert report["worst"]["hour"]["first_contacts"] == 30


def test_text_check_numbers_the_texts(choosy: Filled) -> None:
    """People read the answer and variant, scripts their numbers from 1."""
    assert "Answer 1, variant 2:" in choosy.run("text", "check").output
    places = [json.loads(line) for line in choosy.run("text", "check", "--json").output.splitlines()]
    assert [(each["answer"], each["variant"], each["country"]) for each in places] == [
        (1, 1, None), (1, 2, None), (2, 1, None), (None, 1, "NL"), (None, 1, "GB"),
    ]  # fmt: skip
    (typed,) = map(json.loads, choosy.run("text", "check", "--json", "Non").output.splitlines())
    assert (typed["answer"], typed["variant"], typed["country"]) == (None, None, None)


def test_show_names_the_next_text(choosy: Filled) -> None:
    """`show NUMBER` names the variants, or the text for the number's country."""
    said = choosy.run("show", KEVIN).output
    assert f"would get      Answer 1, variant 1: {ONE}" in said
    assert "would get      Answer 1, variant 2: Non!" in said
    assert f"would get      The answer for NL: {THREE}" in choosy.run("show", "+31612345678").output


def test_the_loop_guard_knows_every_text(choosy: Filled) -> None:
    """Our own text may come back without having been drawn."""
    rules = parse(choosy.config.read_text(), choosy.config).rules()
    assert len(rules.our_texts) == 5


# answers


def given(line: Line) -> list[tuple[str, str]]:
    """Return each recipient with the text sent."""
    return [(sent["recipient"], sent["text"]) for sent in line.submitted()]


def test_each_number_gets_a_variant_or_its_countrys_text(line: Line) -> None:
    """Every variant is drawn; the attempt records its text."""
    line.configure(answer={"text": None, "texts": [[ONE, TWO]], "by_country": {"DE": THREE}})
    line.start()
    numbers = [f"+3247012{number:04}" for number in range(24)]
    for number in (*numbers, GRETA):
        line.sim.do("deliver", from_=number, text="coucou")
    wait_until(lambda: len(given(line)) == len(numbers) + 1, "every answer")
    wait_until(line.settled)
    sent = dict(given(line))
    assert sent.pop(GRETA) == THREE
    assert set(sent.values()) == {ONE, TWO}  # only one of them once in 2**23 runs
    stored = line.rows(
        "SELECT a.recipient, a.text, t.step, t.variant, t.country FROM answers a JOIN attempts t ON t.answer_id = a.id"
    )
    assert {(row[0], row[1]) for row in stored} == {*sent.items(), (GRETA, THREE)}
    assert {row[1:5] for row in stored} == {(ONE, 0, 0, None), (TWO, 0, 1, None), (THREE, 0, 0, "DE")}
    shown = {row["originator"]: row["id"] for row in line.log()}
    assert json.loads(line.cli("show", str(shown[GRETA]), "--json"))["answer"]["wording"] == {
        "answer": 1, "variant": 1, "country": "DE",
    }  # fmt: skip
    assert "which        The answer for DE, variant 1" in line.cli("show", str(shown[GRETA]))
    line.cli("send", "--answer", "+4915112345679")
    assert given(line)[-1] == ("+4915112345679", THREE)


def test_a_reload_draws_again_and_a_requeue_does_not(line: Line) -> None:
    """The new list may be shorter; a stored answer stays."""
    line.sim.do("fault", kind="error_after_submit", cms=500, count=1)
    line.configure(answer={"text": None, "texts": [[ONE, TWO]], "by_country": {"DE": [TWO, THREE]}})
    line.start()
    line.wait_state("ready")
    line.cli("pause")
    line.sim.do("deliver", from_=GRETA, text="hallo")
    wait_until(lambda: line.count("SELECT count(*) FROM answers"))
    assert json.loads(line.cli("show", "1", "--json"))["answer"]["text"] in (TWO, THREE)
    reload(line, "Nee.", answer={"texts": [ONE], "by_country": {"DE": ["Nein.", "Nee."]}})
    promised = json.loads(line.cli("show", "1", "--json"))["answer"]
    line.cli("resume")
    wait_until(lambda: line.rows(ANSWERS)[0][0] == "unconfirmed", "the answer without a result")
    first = line.rows(PLACES)
    reload(line, "Autre", answer={"texts": ["Autre chose."], "by_country": {}})
    line.cli("requeue", "1")
    wait_until(lambda: line.rows(ANSWERS)[0][0] == "sent", "the answer again")
    assert given(line) == [(GRETA, promised["text"])] * 2
    assert line.rows(PLACES) == first * 2
    assert first[0] == (0, promised["wording"]["variant"] - 1, "DE")


PLACES = "SELECT step, variant, country FROM attempts ORDER BY id"


def reload(line: Line, text: str, **sections: Any) -> None:
    """Make the daemon reload the configuration, and wait until it has a text in force."""
    line.configure(**sections)
    assert line.daemon
    line.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: text in line.status()["in_force"], "the reload")


# reactions


def played(line: Filled, texts: Mapping[str, Sequence[list[str]]], numbers: str = "+32470") -> None:
    """Send each text as often as it has lists of tags; a reaction to each gets the tags of one list."""
    for at, (text, everybody) in enumerate(texts.items()):
        for number, tags in enumerate(everybody):
            who = f"{numbers}{at}{number:05}"
            answer(line, contact(line, MONDAY, who), MONDAY + HOUR, text=text)
            for tag in tags:
                contact(line, MONDAY + 2 * HOUR, who, tags=json.dumps([tag] if tag else []))


def by_text(line: Filled) -> list[dict[str, Any]]:
    """Return the figures by sent text."""
    found: list[dict[str, Any]] = told(line)["total"]["by_text"]
    return found


def test_reactions_are_counted_by_the_text_that_was_sent(choosy: Filled) -> None:
    """Reactions come within a day; earlier texts are counted, too."""
    apology, insult = ["apology"], ["insult"]
    texts = {ONE: [apology, ["apology", "apology", "insult"], [""], []], MANY: [insult, []], "An earlier text": [[]]}
    played(choosy, texts)
    late, early = "+32479000001", "+32479000002"
    answer(choosy, contact(choosy, MONDAY, late), MONDAY + HOUR, text=ONE)
    contact(choosy, MONDAY + 26 * HOUR, late, tags='["apology"]')
    contact(choosy, MONDAY, early, tags='["apology"]')
    answer(choosy, contact(choosy, MONDAY, early), MONDAY + HOUR, text=MANY)

    assert by_text(choosy) == [
        {"text": ONE, "answers": 5, "reactions": 5, "tags": {"apology": 3, "insult": 1}},
        {"text": MANY, "answers": 3, "reactions": 1, "tags": {"insult": 1}},
        {"text": "An earlier text", "answers": 1, "reactions": 0, "tags": {}},
    ]
    total = told(choosy)["total"]
    assert (total["answers"], total["reactions"], total["tags"]) == (9, 6, {"apology": 3, "insult": 2})


def test_erased_texts_are_one_row(choosy: Filled) -> None:
    """Their answers still count, under pseudonyms too."""
    played(choosy, {ONE: [["apology"], [""], []], MANY: [["insult"]]})
    later = MONDAY + timedelta(days=400)
    list(
        purging.purge(
            choosy.db, timedelta(days=90), timedelta(days=365), Now(later, later.timestamp(), synchronised=True)
        )
    )
    assert choosy.db.value("SELECT count(*) FROM answers WHERE text IS NOT NULL OR recipient GLOB '+*'") == 0
    played(choosy, {ONE: [[]]}, "+32471")
    assert by_text(choosy) == [
        {"text": ONE, "answers": 1, "reactions": 0, "tags": {}},
        {"text": None, "answers": 4, "reactions": 3, "tags": {"apology": 1, "insult": 1}},
    ]
    assert re.search(r"^ +4 +3 \(erased\)\n +1 apology; 1 insult$", choosy.run("stats", *NOVEMBER).output, re.MULTILINE)


def test_a_reaction_is_to_the_latest_answer(choosy: Filled) -> None:
    """The first answer's day may not be over yet."""
    answer(choosy, contact(choosy, MONDAY), MONDAY + HOUR, text=ONE)
    answer(choosy, contact(choosy, MONDAY + 2 * HOUR), MONDAY + 3 * HOUR, text=TWO)
    contact(choosy, MONDAY + 4 * HOUR, tags='["apology"]')
    assert by_text(choosy) == [
        {"text": ONE, "answers": 1, "reactions": 1, "tags": {}},
        {"text": TWO, "answers": 1, "reactions": 1, "tags": {"apology": 1}},
    ]


def test_texts_are_shown_side_by_side(choosy: Filled) -> None:
    """Terminal and page have the most frequent first, no stranger's text."""
    played(choosy, {TWO: [["insult"]], "Non\x1b[31m": [["apology"], [""], []]})
    said = choosy.run("stats", *NOVEMBER).output
    assert re.search(
        r"^  ANSWERS REACTIONS TEXT\n +3 +2 Non\\x1b\[31m\n +1 apology\n +1 +1 Quand on .*\n +1 insult$",
        said,
        re.MULTILINE,
    )
    page = choosy.run("stats", *NOVEMBER, "--html", "-").output
    assert "<h2>Answers by their text</h2>" in page
    assert re.search(
        r"<th[^>]*>1</th><td>1</td><td>0</td><td>1</td><td>Quand on te dit non, c&#x27;est non.</td>", page
    )
    assert "Salut" not in page


def test_a_text_by_hand_is_not_compared(choosy: Filled) -> None:
    """It is a person's own."""
    played(choosy, {ONE: [[]], TWO: [[]]})
    answer(choosy, None, MONDAY + HOUR, text="See you at eight")
    assert [each["text"] for each in by_text(choosy)] == [ONE, TWO]


def test_a_line_with_one_text_compares_nothing(tmp_path: Path) -> None:
    """The table is left out."""
    line = Filled(tmp_path)
    played(line, {ONE: [[""]]})
    assert len(by_text(line)) == 1
    assert "TEXT" not in line.run("stats", *NOVEMBER).output.replace("TEXTS", "")
    assert "by their text" not in line.run("stats", *NOVEMBER, "--html", "-").output
    line.db.close()


# the recipe of docs/configuration.md


@pytest.fixture
def recipe() -> dict[str, Any]:
    """Give the documented configuration with a harmless first answer."""
    shown = re.findall(r"```yaml\n(.+?)```", (ROOT / "docs/configuration.md").read_text(), re.DOTALL)
    (found,) = (yaml.safe_load(text) for text in shown if "Hey, j" in text)
    return dict(found)


def test_a_second_text_gets_the_lesson_and_a_third_nothing(line: Line, recipe: dict[str, Any]) -> None:
    """The first answer is harmless; the third text meets the cooldown."""
    line.configure(**recipe | {"answer": recipe["answer"] | {"text": None, "delay": "0s"}})
    line.start()
    harmless, lesson = (plan(text).text for text in recipe["answer"]["texts"])
    for said, expected in (("t ou ?", [harmless]), ("ca va et toi", [harmless, lesson])):
        line.sim.do("deliver", from_=KEVIN, text=said)
        wait_until(lambda texts=expected: [text for _, text in given(line)] == texts, "the answer")
        wait_until(line.settled)
    line.sim.do("deliver", from_=KEVIN, text="pardon")
    wait_until(lambda: line.log()[-1]["text"] == "pardon" and line.log()[-1]["verdict"], "the verdict")
    assert [contact["reason"] for contact in line.log()] == ["first_contact", "cooldown_over", "cooldown"]
    assert len(given(line)) == 2


def test_a_cooldown_of_nothing_is_a_risk(tmp_path: Path, recipe: dict[str, Any]) -> None:
    """A number that writes back gets two answers."""
    line = Filled(tmp_path, **recipe)
    assert "limits.cooldown has a 0s: who writes back" in line.run("config", "check").output
    line.db.close()


# the desk


def test_the_desk_shows_the_text_of_an_answer_and_the_figures_of_each(choosy: Filled) -> None:
    """The contact's page names it; the page of figures has all."""
    played(choosy, {ONE: [["apology"], []], MANY: [["insult"]]})
    with served(choosy.config) as browser:
        assert "which Answer 1, variant 1" in browser.get("/contact/1").words
        figures = browser.get(f"/stats?since={NOVEMBER[1]}&until={NOVEMBER[3]}").words
    assert "Answers by their text" in figures
    assert ONE in figures
