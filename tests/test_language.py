"""The language for people: its choice, and numbers, dates, reasons and mistakes in it."""

import html
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import catalogues
import pytest
from babel.messages.catalog import Message
from catalogues import PLURALS, TRANSLATED
from conftest import speaking
from filled import KEVIN, LEA, Filled
from running import CliRunner
from test_privacy import on_a_terminal

from hotlined.cli import main
from hotlined.config import load, parse
from hotlined.desk.app import make
from hotlined.desk.serving import AUTHENTICATOR, PEER
from hotlined.desk.who import LinkAuthenticator
from hotlined.errors import ConfigError
from hotlined.language import (
    NO_BREAK,
    Language,
    _,
    character_name,
    in_digits,
    language_of_environment,
    ngettext,
    pgettext,
    speak,
    spoken,
    unfilled_plural,
)
from hotlined.machine.peer import Peer
from hotlined.reports.typed import period
from hotlined.statistics.periods import midnight
from hotlined.statistics.plain import calendar, length, rate, share
from hotlined.store.answers import decisions
from hotlined.words.amounts import in_money, in_segments, wait_in_words
from hotlined.words.reasons import NO_DAEMON, STATES, briefly
from hotlined.words.times import MONTHS, moment

ROOT = Path(__file__).parent.parent
OTHERS = pytest.mark.parametrize("language", TRANSLATED)
stored = cache(catalogues.stored)
"""Returns a catalogue; cached, for no test changes it."""


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """Yield each form of a sentence with each of its translations."""
    originals = message.id if isinstance(message.id, tuple) else (message.id,)
    translations = message.string if isinstance(message.string, tuple) else (message.string,)
    for number, translation in enumerate(translations):
        yield originals[min(number, len(originals) - 1)], translation


@OTHERS
def test_the_plural_is_that_of_the_catalogue(language: Language) -> None:
    """The program's rules and the catalogue's are the same."""
    expression = stored(language).plural_expr.strip("()")
    assert expression == PLURALS[language]
    several = {"n > 1": lambda n: n > 1, "n != 1": lambda n: n != 1}[expression]
    with speaking(language):
        for number in (0, 1, 2, 3, 21, 101, 1_000_000):
            forms = (unfilled_plural("{number} minute ago", "{number} minutes ago", count) for count in (1, 2))
            expected = [*forms][several(number)]
            assert unfilled_plural("{number} minute ago", "{number} minutes ago", number) == expected


# ---- output


def test_english_is_the_text_in_the_program() -> None:
    """A missing language or translation leaves the source's sentence."""
    assert spoken() is Language.ENGLISH
    assert _("Paused by {by}: nothing is sent.", by="anna") == "Paused by anna: nothing is sent."
    assert pgettext("segment", "sent") == "sent"
    assert ngettext("{number} segment", "{number} segments", 1_234) == "1,234 segments"
    with speaking(Language.FRENCH):
        assert _("said nowhere, {by}", by="anna") == "said nowhere, anna"
    assert spoken() is Language.ENGLISH


def test_a_strangers_braces_are_filled_in_once() -> None:
    """A value with braces is not filled in again."""
    with speaking(Language.FRENCH):
        assert _("Paused by {by}: nothing is sent.", by="{by.__class__} {0}").startswith(
            "Mise en pause par {by.__class__} {0}"
        )


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (Language.ENGLISH, ("1,234.50", "1,234.50 EUR", "1 segment", "0 segments", "3h12m", "24 Nov 2025 ")),
        (Language.FRENCH, ("1 234,50", "1 234,50 €", "1 segment", "0 segment", "3 h 12 min", "24 nov. 2025 ")),
        (Language.DUTCH, ("1.234,50", "€ 1.234,50", "1 segment", "0 segmenten", "3 u 12 min", "24 nov 2025 ")),
    ],
)
def test_numbers_and_dates_are_of_the_language(language: Language, expected: tuple[str, ...]) -> None:
    """Thousands, decimals, money, zero, one, waits and months fit."""
    with speaking(language):
        written = (in_digits(1234.5, 2), in_money(1234.5, "EUR"), in_segments(1), in_segments(0), wait_in_words(11_520))
        assert tuple(text.replace(NO_BREAK, " ") for text in written) == expected[:-1]
        assert moment("2025-11-24T12:00:00.000Z").startswith(expected[-1])


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            Language.ENGLISH,
            ("1 to 21 June 2026", "three weeks", "1 June 2026, 08:00 to 09:30", "nearly half", "more than 10 a day"),
        ),
        (
            Language.FRENCH,
            (
                *("du 1er au 21 juin 2026", "trois semaines", "1er juin 2026, de 08:00 à 09:30"),
                *("près de la moitié", "plus de 10 par jour"),
            ),
        ),
        (
            Language.DUTCH,
            (
                *("1 tot en met 21 juni 2026", "drie weken", "1 juni 2026, 08:00 tot 09:30"),
                *("bijna de helft", "meer dan 10 per dag"),
            ),
        ),
    ],
)
def test_periods_shares_and_rates_are_in_the_language(language: Language, expected: tuple[str, ...]) -> None:
    """Firsts of months, last days and shares read well aloud."""
    first, last = midnight(date(2026, 6, 1)), midnight(date(2026, 6, 22))
    hours = (first + timedelta(hours=8), first + timedelta(hours=9, minutes=30))
    with speaking(language):
        said = (calendar(first, last), length(first, last), calendar(*hours), share(49, 100), rate(31, 3, "day"))
    assert said == expected


def test_every_shown_time_can_be_typed() -> None:
    """All languages understand it; no month has another's name."""
    from datetime import UTC, datetime  # noqa: PLC0415

    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    for language in Language:
        for number in range(1, 13):
            with speaking(language):
                shown = moment(f"2025-{number:02}-05T12:00:00.000Z")
            read = period(shown, now)
            assert (read.start.month, read.start.day, read.start.year) == (number, 5, 2025), shown
    names = [(name.rstrip("."), number) for each in MONTHS.values() for number, name in enumerate(each)]
    assert len(dict(names)) == len({*names})


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "fr_BE.UTF-8"}, Language.FRENCH),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "nl_BE.UTF-8"}, Language.DUTCH),
        ({"LANG": "de_DE.UTF-8"}, Language.ENGLISH),
        ({"LANG": "C"}, Language.ENGLISH),
        ({}, Language.ENGLISH),
    ],
)
def test_without_a_configuration_the_environment_chooses_the_language(
    environ: Mapping[str, str], language: Language
) -> None:
    """LC_ALL counts before LANG; an unknown language means English."""
    assert language_of_environment(environ) is language


def test_a_language_is_a_key() -> None:
    """Unknown ones are refused; a language's own name suggests its code."""
    assert parse("language: nl\nanswer: {text: a}", Path("main.yaml")).language is Language.DUTCH
    assert parse("answer: {text: a}", Path("main.yaml")).language is Language.ENGLISH
    with pytest.raises(ConfigError) as raised:
        parse("language: français\nanswer: {text: a}", Path("main.yaml"))
    assert "fr" in raised.value.problems[0].split("meant")[0] + raised.value.problems[0]


def test_a_hostile_text_in_a_translated_page_stays_inert() -> None:
    """Values are escaped unless markup; sentences have no markup."""
    app = make(parse("answer: {text: a}", Path("main.yaml")), b"")
    with speaking(Language.FRENCH), app.test_request_context():
        template = app.jinja_env.from_string(
            '{% set link %}<a href="/x">{{ word }}</a>{% endset %}'
            '{{ _("Paused by {by}: nothing is sent.", by=by) }}|{{ _("Line {line}", line=link) }}|'
            '{{ _("<b>{line}", line=by) }}'
        )
        shown = template.render(by="<script>\x1b[2J\u202e{0}", word="<i>").split("|")

    assert shown[0] == f"Mise en pause par &lt;script&gt;\\x1b[2J\\u202e{{0}}{NO_BREAK}: rien n’est envoyé."
    assert shown[1] == 'Ligne <a href="/x">&lt;i&gt;</a>'
    assert shown[2].startswith("&lt;b&gt;&lt;script&gt;")


@OTHERS
def test_no_outcome_is_longer_than_its_column_in_any_language(language: Language) -> None:
    """Every state, reason and kind of wait fits the column of outcomes."""
    from hotlined.cli.contacts import OUTCOME_WIDTH  # noqa: PLC0415
    from hotlined.rules.policy import Reason, WaitingFor  # noqa: PLC0415

    with speaking(language):
        words = [briefly(each).format(at="04:12") for each in (*Reason, *WaitingFor)] + [*STATES.values()]
        words += [_(NO_DAEMON), _("not decided yet"), _("only {sent} of {segments} left", sent=2, segments=3)]
        assert {each for each in words if len(each) > OUTCOME_WIDTH} == set()


# ---- whole outputs


@pytest.fixture(scope="module", params=TRANSLATED)
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Give a line in another language, with contacts of every kind."""
    filled = Filled(tmp_path_factory.mktemp("line"), language=request.param)
    with filled.db:
        filled.judge(filled.text("Salut"))
        filled.send()
        filled.judge(filled.text("ok pardon"))
        filled.judge(filled.text("Coucou", sender=LEA), delay=3600)
        filled.judge(filled.call("+32477998877"), delay=3600)
        decisions.block(filled.db, "+32485556677", "anna", filled.now())
        filled.judge(filled.text("bonjour", sender="+32485556677"))
        decisions.tag(filled.db, 2, "bruxelles", "anna", filled.now())
        decisions.pause(filled.db, "anna", filled.now())
        yield filled


@cache
def telling(language: Language) -> frozenset[str]:
    """Return the pieces of English sentences that differ from their translations."""
    pieces = set()
    for message in stored(language):
        for original, translation in forms(message) if message.id else ():
            for piece in re.split(r"\{\w+\}|`[^`]*`", original):
                words = piece.strip(" .,:;()'")
                if len(words) > 4 and words.casefold() not in translation.casefold():
                    pieces.add(words)
    return frozenset(pieces)


def english_in(output: str, language: Language, *, words: int = 1) -> set[str]:
    """Return the pieces of English sentences that an output should have translated; words to type are left out.

    Pieces shorter than `words` are skipped: keys of the configuration are not English text.
    """
    shown = re.sub(r"`[^`]*`", "", output)
    return {
        piece
        for piece in telling(language)
        if piece in shown
        and len(piece.split()) >= words
        and re.search(rf"(?<![\w-]){re.escape(piece)}(?![\w-])", shown)
    }


def has_bare_semicolon(shown: str, language: Language) -> bool:
    """Tell whether a French semicolon lacks its no-break blank."""
    return language is Language.FRENCH and re.search(rf"[^{NO_BREAK}];\s", shown) is not None


def test_french_semicolons_have_their_blank(line: Filled, tmp_path: Path) -> None:
    """A no-break blank stands there on the page for the police, too."""
    language = Language(line.settings["language"])
    line.evidence(KEVIN, tmp_path)
    page = (tmp_path / "evidence.html").read_text("utf-8")
    words = html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " | ", page, flags=re.DOTALL))

    assert ";" in words
    assert not has_bare_semicolon(words, language)
    assert language is not Language.FRENCH or re.findall(rf".*[^{NO_BREAK}\W]: .*", words) == []


def test_a_text_message_and_its_words_have_different_names(line: Filled, tmp_path: Path) -> None:
    """English says text for both; French and Dutch say SMS.

    They do so on the page for the police, too.
    """
    line.evidence(KEVIN, tmp_path)
    page = (tmp_path / "evidence.html").read_text("utf-8")

    expected = {"fr": "1\N{NO-BREAK SPACE}: SMS<", "nl": "1: Sms<"}
    assert f"Contact {expected[line.settings['language']]}" in page


def test_the_link_of_the_desk_leads_to_the_line(line: Filled) -> None:
    """The page does not name the recipient of a text.

    The page exchanges the link for a cookie.
    """
    authenticator = LinkAuthenticator("anna", 1000, 8080)
    config = load(line.config)
    with speaking(config.language):
        client = make(config, b"").test_client()
        client.environ_base |= {AUTHENTICATOR: authenticator, PEER: Peer(1000)}
        page = client.get(f"/enter?token={authenticator.token}").text

    assert {"fr": ">Vers la ligne<", "nl": ">Naar de lijn<"}[config.language] in page


def test_status_is_in_the_language_of_the_line(line: Filled) -> None:
    """A French line names pause, person and end in French."""
    expected = {
        "fr": "Mise en pause par anna : rien n’est envoyé. `hotlined",
        "nl": "Gepauzeerd door anna: er wordt niets verstuurd. `hotlined",
    }
    assert expected[line.settings["language"]] in line.run("status").output.replace(NO_BREAK, " ")


def test_codes_are_the_same_in_every_language(line: Filled) -> None:
    """JSON and CSV are for scripts.

    No key, state or reason in them is translated.
    """
    contact = line.log()[0]

    assert (contact["verdict"], contact["reason"]) == ("answer", "first_contact")
    assert "answer_state" in line.run("log", "--csv").stdout.splitlines()[0]


TYPED_WRONGLY: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("log", "--since", "blabla"), "n’est pas une date", "is geen"),
    (("cancel", "none"), "n’est pas l’ID d’un contact", "is geen"),
    (("tag", "1", "a,b"), "n’est pas un", "is geen"),
    (("cancel",), "Il manque 'ID'.", "'ID' ontbreekt."),
    (("lgo",), "Vouliez-vous dire log ?", "Bedoelt u log?"),
    (("config", "chek"), "Vouliez-vous dire check ?", "Bedoelt u check?"),
    (("aide",), "Vouliez-vous dire help ?", "Bedoelt u help?"),
    (("help", "log", "what"), "n’a pas de sous-commandes", "heeft geen subcommando’s"),
    (("log", "--foo"), "L’option '--foo' n’existe pas", "Er is geen optie"),
    (("log", "--sinc", "1d"), "Vouliez-vous dire", "Bedoelt u"),
    (("log", "--since"), "Il manque une valeur après '--since'.", "Achter '--since' ontbreekt"),
    (("log", "--json=1"), "L’option '--json' ne prend pas", "De optie '--json' aanvaardt geen"),
    (("web", "--port", "x"), "'x' n’est pas un nombre entier.", "'x' is geen geheel getal."),
    (("web", "--port", "-1"), "-1 n’est pas dans l’intervalle", "-1 valt niet binnen"),
    (("log", "--kind", "x"), "'x' n’est pas parmi 'text'", "'x' is geen van 'text'"),
    (("log", "--json", "--csv"), "--json et --csv s’excluent.", "--json en --csv gaan niet samen."),
    (("show",), "Donnez un ID, un numéro ou --number.", "Geef een ID, een nummer of --number."),
    (("show", "0470", "12"), "Écrivez un numéro sans espaces", "Schrijf een nummer zonder spaties"),
    (("db", "key", "--check", "--identity", "/nonexistent"), "ce dossier n’existe pas", "die map bestaat niet"),
    (("completion",), "Au choix", "Kies uit"),
    (("text", "check", " "), "Il faut un texte qui n’est pas vide ; trouvé", "Hier hoort een tekst die niet leeg"),
)


@pytest.mark.parametrize(
    ("command", "french", "dutch"), TYPED_WRONGLY, ids=[" ".join(typed[0]) for typed in TYPED_WRONGLY]
)
def test_a_usage_error_is_in_the_language_of_the_line(
    line: Filled, command: tuple[str, ...], french: str, dutch: str
) -> None:
    """The configuration may be unread yet, and the error click's own."""
    language = Language(line.settings["language"])
    assert spoken() is Language.ENGLISH
    done = line.run(*command)

    assert done.exit_code in {1, 2}
    assert (french if language is Language.FRENCH else dutch) in done.output.replace(NO_BREAK, " ")
    assert not re.search("Usage|Error|Hint|Try|Configuration:", done.output)


def test_a_declined_question_ends_in_the_language_of_the_line(line: Filled) -> None:
    """Nothing is done, and the sentence is in the language."""
    shown = on_a_terminal(line, "n", "forget", LEA)
    expected = {"fr": (f"[o/N]{NO_BREAK}: ", "Rien n’a changé."), "nl": ("[j/N]: ", "Er is niets veranderd.")}[
        line.settings["language"]
    ]
    assert [words for words in expected if words not in shown] == []


BROKEN = """\
language: {language}
log_level: fantôme
modem: {{port: ttyUSB0, poll_interval: 10 minutes, calls: [ring], pin: 12, prt: auto}}
modem.pin: 4711
log_level : info
answer:
  text: {long}
  texts: ["", Non.]
  by_country: [NL]
  encoding: "sm\u00a0art"
  max_segments: 0
  délai: 1h
  delay: [2h, 1h]
limits: {{cooldown: 2 siècles, reserve_for_new: 120%, segments: 60, price_per_segment: "0,05", currency: euro}}
numbers: {{country: Belgique, answer_countries: BE, blocked: [abc], opt_out_words: ["!"]}}
credit: {{pattern: "(a)(b)", ussd: abc}}
privacy: {{keep_texts: 9d, keep_numbers: 1d}}
alerts: {{urls: x, ping: x, digest: chaque jour, words: [" "], urls_file: ~/a}}
web: {{people: {{"a b": reader, anna: chef, bea: [], eva: reader, eva: reader}}, user_header: a_b, hosts: [a b]}}
"""
"""A configuration with a mistake in nearly every key."""

NO_YAML = (
    "answer:\n\ttext: a\n",
    "answer: {text: a}\ncredit: {ussd: *121#}\n",
    "answer: {text: a}\nline: 'fr\n\n",
    "answer:\n  text:Non\n  max_age: 3h\n",
    "answer:\n  text: Non\n    autre: non\n",
    "answer: {text: a}\nline: 'f' r\nlog_level: info\n",
    "answer:\n  text: x\n delay: 1h\n",
    "answer: {text: a}\nline: a\x07b\n",
    "answer:\n  text: [smile] non\n",
    "answer:\n  text: - non\n",
    "answer:\n  text: !non\n",
    "answer:\n  text: Tu es le #1\n",
    "answer:\n  text: Bonjour #1\n    des relous\n",
    "answer:\n  text:\xa0Non\n",
    'answer:\n  text: Non."\n',
    "\xa0answer: {text: a}\n",
    "answer: {text: a, text: b}\n",
    "answer: {text: a, delay: 2h, max_age: 1h}\n",
    "answer: {text: 🙂, encoding: gsm7}\n",
    "answer: {text: 'a', texts: [b]}\n",
    "line: fr\n",
    "- a\n",
)


@OTHERS
@pytest.mark.parametrize("text", [BROKEN, *NO_YAML], ids=str.splitlines)
def test_problems_of_a_configuration_have_no_english_left(language: Language, text: str) -> None:
    """Each is in the language in force to its last word."""
    with speaking(language), pytest.raises(ConfigError) as raised:
        parse(text.format(language="klingon", long="é🙂" * 200) if text is BROKEN else text, Path("main.yaml"))
    error = raised.value
    assert len(error.problems) > (25 if text is BROKEN else 0)
    shown = " | ".join([error.message, error.hint, *(problem.partition(" ")[2] for problem in error.problems)])
    assert english_in(shown, language, words=2) == set()


@pytest.mark.parametrize(
    ("octets", "environ", "language"),
    [
        (b"language: fr\nlog_level: x\n", {"LANG": "nl_BE.UTF-8"}, Language.FRENCH),
        (b"language: FR\n", {"LANG": "nl_BE.UTF-8"}, Language.FRENCH),
        (b"language: nl\nanswer:\n\ttext: a\n", {"LANG": "fr_BE.UTF-8"}, Language.DUTCH),
        (b"language: fr\nanswer: {text: \xe9t\xe9}\n", {}, Language.FRENCH),
        (b"log_level: x\n", {"LANG": "fr_BE.UTF-8"}, Language.ENGLISH),
        (b"language: klingon\n", {"LANG": "fr_BE.UTF-8"}, Language.FRENCH),
        (b"{", {"LANG": "nl_BE.UTF-8"}, Language.DUTCH),
        (None, {"LC_ALL": "fr_BE.UTF-8", "LANG": "nl_BE.UTF-8"}, Language.FRENCH),
        (None, {"LANG": "C"}, Language.ENGLISH),
    ],
)
@pytest.mark.parametrize("command", ["config check", "limits", "text check", "log", "run"])
def test_a_broken_configuration_is_reported_in_its_language(
    tmp_path: Path, octets: bytes | None, environ: Mapping[str, str], language: Language, command: str
) -> None:
    """The file's language counts before the environment's.

    The journal stays English.
    """
    path = tmp_path / "main.yaml"
    if octets is not None:
        path.write_bytes(octets)
    cleared: dict[str, str | None] = dict.fromkeys(("LC_ALL", "LC_MESSAGES", "LANG"))
    done = CliRunner().invoke(main, ["--config", str(path), *command.split()], env={**cleared, **environ})
    speak(Language.ENGLISH)  # a process has one language, and this one continues

    wanted = Language.ENGLISH if command == "run" else language
    begun = {Language.ENGLISH: "Error|Warning", Language.FRENCH: "Erreur |Attention ", Language.DUTCH: "Fout|Let op"}
    assert re.match(f"(?:{begun[wanted]}): ", done.stderr.replace(NO_BREAK, " "))
    assert wanted is Language.ENGLISH or english_in(done.output, wanted, words=2) == set()


@OTHERS
@pytest.mark.parametrize("character", "\xa0\u200b\u202f")
def test_an_invisible_character_is_named_in_the_language(language: Language, character: str) -> None:
    """Names of Unicode are English: other languages get the code point."""
    name = character_name(character)
    assert " " in name
    with speaking(language):
        assert character_name(character) == f"U+{ord(character):04X}"


@OTHERS
@pytest.mark.parametrize(
    "arguments",
    [
        "show 99999999999999999999", "show 99", "stats --json --html x", "send 0470123456 a b", "send 0470123456",
        "alerts --dry-run --test", "tag 1 menacee", "tag 99 xyz", "log --since 32/13", "log --json --csv", "log -n x",
        "sim topup 1/1/2001", "block 8850", "unblock x", "forget masqué --yes", "evidence masqué", "evidence {file}",
        "evidence +32470123456 {file}", "export +32470123456 {file}/x", "stats --html {file}", "db backup {file}",
        "keep 99", "requeue 99", "cancel x", "review", "selftest", "sim balance", "navy", "log --foo",
        "config check x", "metrics {file}", "web --port x", "doctor --record {file}",
    ],
)  # fmt: skip
def test_every_error_is_in_the_language_of_the_line(tmp_path: Path, language: Language, arguments: str) -> None:
    """Any error, however early, has no English but commands and names."""
    line = Filled(tmp_path, language=language)
    with line.db:
        line.text()
        line.text("x", "Proximus")
        (tmp_path / "there").write_text("")
        words = [word.format(file=tmp_path / "there") for word in arguments.split()]
        done = line.run(*words, env={"LC_ALL": "C.UTF-8"})

    assert done.exit_code
    assert not done.stderr.startswith("Error")
    assert english_in(done.stderr, language, words=2) == set()
