"""Sentences that readers misunderstood, now in plain words, each checked in the output or document where it occurs."""

import re
from pathlib import Path

import catalogues
import pytest
from conftest import speaking
from filled import KEVIN, LEA, Filled

from hotlined.cli.contacts import CONTACTS
from hotlined.documents import ListedContact, LoggedContact, SegmentCount
from hotlined.forms import extended
from hotlined.language import Language
from hotlined.reports import contact
from hotlined.rules.policy import Reason
from hotlined.states import ContactKind, ContactVerdict
from hotlined.store.line.line_row import FREE

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): " ".join(path.read_text("utf-8").split())
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "config.yaml")
}


@pytest.fixture
def line(tmp_path: Path) -> Filled:
    """Give a line with an answered contact."""
    filled = Filled(tmp_path)
    filled.judge(filled.text())
    filled.send([None])
    return filled


def said(line: Filled, *arguments: str) -> str:
    """Return all output of a command on one line."""
    return " ".join(line.run(*arguments).output.split())


# ---- documents


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (
            "README.md",
            "A *segment* is what the operator bills as one SMS: 160 plain characters, or 70 if one of them is an emoji",
        ),
        (
            "README.fr.md",
            "Un *segment* est ce que l’opérateur facture comme un SMS : 160 caractères ordinaires, ou 70 si",
        ),
        (
            "README.md",
            "figures, commands and their help are in English, French or Dutch (`language` in the",
        ),
        ("README.fr.md", "les chiffres, les commandes et leur aide sont en français"),
        ("docs/safety.md", "nobody can run up your bill"),
        ("docs/commands.md", "each problem once, and once more when it is over."),
        (
            "docs/installation.md",
            "runs `hotlined alerts` every five minutes; `hotlined-alerts-sender` sends them, which has",
        ),
        ("docs/installation.md", "turns the stick's power off and on when nothing else has helped"),
        ("docs/installation.md", "The file belongs to root. Without it nothing happens."),
        ("docs/people.md", "The age of a thing is the time since its date, if the clock was right then"),
        ("docs/people.md", "Otherwise it is the time that the Pi was powered on since."),
        ("docs/people.md", "After erasing, the database file is rewritten, so that nothing remains in the file"),
        ("docs/database.md", "While the daemon is off, `stats` assumes that the modem stays as it last was."),
        ("docs/sticks.md", "If another stick and another SIM are found at a named port, their texts are recorded"),
        (
            "docs/sticks.md",
            "`port: auto` first asks the AT ports of the sticks that it knows, and takes the first that",
        ),
        ("docs/sticks.md", "It asks how many tries the PIN has left, and whether calls are forwarded"),
    ],
)
def test_a_sentence_is_on_its_page(page: str, sentence: str) -> None:
    """Each is short, has a visible verb, and names its subject."""
    assert sentence in PAGES[page]


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
def test_a_segment_is_explained_at_its_first_mention(page: str) -> None:
    """The first mention is the one that explains it."""
    text = (ROOT / page).read_text("utf-8")

    assert text.index("segment") == text.index("*segment*") + 1


@pytest.mark.parametrize(
    "words",
    [
        "makes you pay", "vous fait payer", "what became due", "that has a network |", "tried all else", "root's alone",
        "An age is told", "belongs to no contact always", "writes the file anew", "None of this holds",
        "more of the modem's last state", "are emptied and recorded", "Where none does it asks", "four makes all",
        "Rien de reçu", "nonante", "veille au tableau", "une promesse chacun", "redémarrage", "the reserve is not for",
        "for whom the reserve", "mend the line",
    ],
)  # fmt: skip
def test_misunderstood_words_are_gone(words: str) -> None:
    """No page has any of these words."""
    assert [name for name, text in PAGES.items() if words in text] == []


def test_the_warning_about_copies_comes_first() -> None:
    """A copy can send answers twice: the bold warning precedes the commands."""
    restore = (ROOT / "docs/backup.md").read_text("utf-8").partition("## Restore\n")[2]
    warning, _, _ = restore.partition("```")
    (bold,) = re.findall(r"\*\*(.+?)\*\*", warning, re.DOTALL)

    assert " ".join(bold.split()) == (
        "Put back only what `hotlined db backup` made; the daily copies are made by it. If another program made the"
        " copy, answers that were waiting in it go out again, perhaps for the second time."
    )


# ---- the program


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("alerts --help", "Send the alerts that are due: each problem once, and once more when it is over."),
        ("limits --help", "NEW says when there is room for one more answer to a new number, KNOWN for one to a"),
        ("limits", "WINDOW USED LIMIT RESERVE NEW KNOWN"),
        (f"show {LEA}", "next answer its next text is answered, after the usual delay because this number was never"),
        ("log", " perhaps sent Salut, ça va ?"),
        ("show 1", "decision answer because this number was never answered before"),
        ("status", "answers 1 perhaps sent in the last 24 hours"),
        ("stats", "perhaps sent 1"),
    ],
)
def test_a_sentence_is_in_the_programs_output(line: Filled, arguments: str, sentence: str) -> None:
    """The command says what people had to ask for."""
    assert sentence in said(line, *arguments.split())


def test_the_next_answer_has_a_local_day_and_time(line: Filled) -> None:
    """The next answer's day and time are local."""
    assert re.search(
        r"next answer if it writes again: on \d\d? [A-Z][a-z]{2} \d\d:\d\d at the earliest",
        said(line, "show", KEVIN),
    )
    assert "windows" not in said(line, "show", KEVIN)


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ("answer: {text: x, delay: soon}", "Hint: Correct these lines, then run `hotlined --config {config} config"),
        ("answer: {delay: 1h}", "answer.text: is missing, and it alone has no default"),
        (
            "answer.delay: 0s\nanswer:\n  text: x\n",
            "1: answer.delay: a dot does not indent: below `answer:` on line 2 write `  delay: 0s`",
        ),
    ],
)
def test_problems_of_a_configuration_are_plain(line: Filled, stated: str, sentence: str) -> None:
    """The cure is understandable without any knowledge of YAML."""
    line.config.write_text(stated)

    assert " ".join(sentence.format(config=line.config).split()) in said(line, "config", "check")


STANDARD = r"\b(suppress|originator|scts|not answerable|unconfirmed|pending|due|first_contact|not_text)\b"


def _of_each_kind(line: Filled) -> None:
    line.text("Salut", "Proximus")
    line.text("Hi", "+447911123456")
    line.call()
    line.judge(line.text("Encore"))
    line.judge(line.text("Salut", LEA))
    for contact_id in range(2, 5):
        line.judge(contact_id)


@pytest.mark.parametrize("arguments", ["log", "status", "stats", f"number {KEVIN}", "numbers", "limits", "show 2"])
def test_people_read_no_code(line: Filled, arguments: str) -> None:
    """Codes and words of the standard are only in --json."""
    _of_each_kind(line)

    assert re.findall(STANDARD, said(line, *arguments.split())) == []


# ---- the catalogues

OURS = {
    Language.ENGLISH: r"breakers?|trials?|rows?|gates?|verdicts?|fates?|exchange|circuits?|ims|pdus?",
    Language.FRENCH: r"disjoncteurs?|portillon|verdicts?|rangées?|circuits?|ims|pdu",
    Language.DUTCH: r"stroomonderbreker|verdict|vonnis|rij|rijen|circuits?|ims|pdu(?:’s|s)?",
}
"""Words of the program's source and of standards that users do not know."""


def sentences(language: Language) -> list[str]:
    """Return all sentences for people in a language, without values and words to type."""
    found: list[str] = []
    for message in catalogues.said() if language is Language.ENGLISH else catalogues.stored(language):
        text = message.id if language is Language.ENGLISH else message.string
        found += [text] if isinstance(text, str) else text
    return [re.sub(r"\{\w+\}|`[^`]*`", "…", text) for text in found]


@pytest.mark.parametrize("language", Language)
def test_no_sentence_has_an_internal_word(language: Language) -> None:
    """Only the source and the standards use such words."""
    told = sentences(language)

    assert len(told) > 1000
    assert [text for text in told if re.search(rf"\b(?:{OURS[language]})\b", text, re.IGNORECASE)] == []


NO = {
    Language.ENGLISH: ("no answer: ", "no: "),
    Language.FRENCH: ("pas de réponse\N{NO-BREAK SPACE}: ", "non\N{NO-BREAK SPACE}: "),
    Language.DUTCH: ("geen antwoord: ", "nee: "),
}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("reason", [*Reason])
def test_a_suppressed_contact_is_never_read_as_answered(language: Language, reason: Reason) -> None:
    """Its words begin with no; no sign is needed."""
    (column,) = (each for each in CONTACTS[0].columns if each.heading_message == "ANSWER")
    at = "2026-11-24T22:00:00.000Z"
    words = ContactKind.TEXT, KEVIN, None, "Salut", SegmentCount(1, 1), None, at, 0, (), ContactVerdict.SUPPRESS, reason
    row = LoggedContact(1, "fr", *words, elsewhere=(), answer=None)
    with speaking(language):
        outcome = contact.outcome(row, FREE)
        in_list = column.cell(extended(ListedContact, row, kept=False, alert_words=(), outcome=outcome))

    assert outcome.startswith(NO[language][0])
    assert in_list.startswith(NO[language][1])
    assert not re.search(r"\b(?:answered lately|répondu|beantwoord)\b", outcome)


def test_outcomes_are_words_not_signs(line: Filled) -> None:
    """No output has a sign in the place of a word."""
    _of_each_kind(line)

    for arguments in ("log", "numbers", f"show {KEVIN}", "show 1", "status"):
        shown = said(line, *arguments.split()).replace("ça va ?", "")  # somebody wrote that
        assert re.findall(r"(?<!\S)[✓…?!-](?!\S)", shown) == []


@pytest.mark.parametrize("arguments", ["limits", "config check", "text check", "status"])
def test_no_output_without_a_price_names_money(line: Filled, arguments: str) -> None:
    """An amount without a configured price would be a guess."""
    shown = said(line, *arguments.split()).replace(str(line.folder), "")
    assert re.findall(r"EUR|€|price|cost", shown, re.IGNORECASE) == []


RELATIVES = re.compile(r'"""(?:What|Who|Whom|Whose|Whoever|Whatever|Where|Wherever|Which)\b')
"""The beginning of a docstring whose subject is a clause."""


def test_docstrings_begin_with_their_subject() -> None:
    """No docstring of ours begins with a clause."""
    modules = [path for folder in ("hotlined", "tests") for path in (ROOT / folder).rglob("*.py")]

    assert [path.name for path in modules if RELATIVES.search(path.read_text("utf-8"))] == []
