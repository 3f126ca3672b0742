"""`hotlined tag` and `review`: people's judgements of contacts."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import PATIENCE_SECONDS, speaking, wait_until
from filled import KEVIN, LEA, Filled
from persons import user_name

from hotlined.language import Language
from hotlined.reports import review
from hotlined.store.answers import decisions
from hotlined.store.reading.review import queue
from hotlined.words.tags import TAG_KEYS, tag_in_words, words_of_tags
from hotlined.words.times import moment


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Filled]:
    """Give a line with nothing in it."""
    filled = Filled(tmp_path)
    with filled.db:
        yield filled


def tags(line: Filled) -> list[list[str]]:
    """Return the tags of every contact."""
    return [contact["tags"] for contact in line.log()]


# ---- by hand


def test_a_tag_is_found_and_taken_off_again(line: Filled) -> None:
    """Both decisions are recorded with their author."""
    line.text()
    env = {"SUDO_UID": "1", "SUDO_USER": "greta"}
    greta = user_name(1)
    said = [
        line.run(*words.split(), env=env).stdout
        for words in (
            "tag 1 Excuses --new",
            "tag 1 EXCUSES",
            "tag 1 encore-une_fois",
            "tag 1 excuses --remove",
            "tag --remove 1 excuses",
        )
    ]

    assert said == [
        "Contact 1 is tagged excuses.\n",
        "Contact 1 was already tagged excuses.\n",
        "Contact 1 is tagged encore-une_fois.\n",
        "Contact 1 is no longer tagged excuses.\n",
        "Contact 1 was not tagged excuses.\n",
    ]
    assert tags(line) == [["encore-une_fois"]]
    assert [contact["id"] for contact in line.log("--tag", "Encore-Une_Fois")] == [1]
    assert line.log("--tag", "excuses") == []
    events = json.loads(line.run("show", "1", "--json").stdout)["events"]
    assert [(event["kind"], event["word"], event["who"]) for event in events] == [
        ("tag", "excuses", greta),
        ("tag", "encore-une_fois", greta),
        ("untag", "excuses", greta),
    ]
    assert f"untag excuses by {greta}" in line.run("show", "1").stdout


def test_a_threat_is_kept_by_its_tag(line: Filled) -> None:
    """The tag ends no keeping when it is taken off."""
    line.text()
    said = [line.run("tag", "1", "threat", *more).stdout for more in ((), (), ("--remove",))]

    assert said == [
        "Contact 1 is tagged threat, and kept.\n",
        "Contact 1 was already tagged threat, and is kept.\n",
        "Contact 1 is no longer tagged threat.\n",
    ]
    assert [contact["id"] for contact in line.log("--kept")] == [1]


@pytest.mark.parametrize(
    ("word", "known"),
    [
        *(("menace", "threat"), ("menaces", "threat"), ("belediging", "insult"), ("excuses", "apology")),
        *(("Autre", "other"), ("excuse", "apology"), ("andere", "other"), ("apologies", "apology")),
        *(("insults", "insult"), ("treat", "threat"), ("jokes", "joke"), ("désole", "désolé")),
    ],
)
def test_a_word_close_to_a_tag_is_refused_without_a_terminal(line: Filled, word: str, known: str) -> None:
    """It would be counted apart; `--new` makes it a tag."""
    line.text()
    for tag in ("joke", "désolé"):
        assert line.run("tag", "1", tag).exit_code == 0
    refused = line.run("tag", "1", word)

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: {word.lower()} is not a tag yet, and is nearly {known}.\n")
    assert f" tag 1 {known}`, or --new for a new tag." in refused.stderr
    assert tags(line) == [["joke", "désolé"]]
    assert line.run("tag", "1", word, "--new").stdout == f"Contact 1 is tagged {word.lower()}.\n"
    assert line.run("tag", "1", word).stdout == f"Contact 1 was already tagged {word.lower()}.\n"


@pytest.mark.parametrize("word", ["encore-une_fois", "love", "x", "thanks", "menu"])
def test_a_new_word_is_taken_without_a_question(line: Filled, word: str) -> None:
    """A word unlike any tag becomes a new tag."""
    line.text()

    assert line.run("tag", "1", word).exit_code == 0


@pytest.mark.parametrize(("said", "put_on"), [("y", "threat"), ("n", "treat"), ("", "treat")])
def test_a_person_says_at_a_terminal_which_tag_is_meant(line: Filled, said: str, put_on: str) -> None:
    """Any reply but yes makes a new tag."""
    line.text()
    ours, theirs = pty.openpty()
    os.write(ours, f"{said}\n".encode())
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "tag", "1", "treat"]
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False)
    os.close(ours)
    os.close(theirs)

    assert done.stdout == (
        "treat is not a tag yet, and is nearly threat. Is threat meant? [y/N]:"
        f" Contact 1 is tagged {put_on}{', and kept' if put_on == 'threat' else ''}.\n"
    )
    assert tags(line) == [[put_on]]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("tag", TAG_KEYS.values())
def test_the_word_beside_a_key_can_be_typed(language: Language, tag: str) -> None:
    """It means the same tag in any language."""
    with speaking(language):
        shown = tag_in_words(tag)
        assert review.tag_meant(shown) == tag

    assert words_of_tags()[shown] == tag


def test_a_word_is_one_however_it_is_composed(line: Filled) -> None:
    """Accents may be apart from their letters."""
    line.text()
    line.run("tag", "1", "de\u0301sole\u0301")

    assert tags(line) == [["désolé"]]


@pytest.mark.parametrize("word", ["à voir", "", " ", "-x", "a,b", "x" * 41, "\x1b[2J", "\udcff"])
def test_a_tag_is_one_word(line: Filled, word: str) -> None:
    """Anything else ends with 2 and changes nothing."""
    line.text()

    assert line.run("tag", "--", "1", word).exit_code == 2
    assert tags(line) == [[]]


@pytest.mark.parametrize(
    "arguments",
    ["tag", "tag 1", "tag 0 x", "tag x y", "tag --remove 1", "review", "review 1", "review --all", "review --key",
     "review --key q=quit", "review --key k=keen", "review --key ab=c", "review --key a", "review --key a="],
)  # fmt: skip
def test_half_a_tag_is_a_usage_error(line: Filled, arguments: str) -> None:
    """`tag` needs ID and WORD; `review` needs free keys and a terminal."""
    assert line.run(*arguments.split()).exit_code == 2


@pytest.mark.parametrize("remove", [(), ("--remove",)], ids=["on", "off"])
def test_an_unknown_contact_cannot_be_tagged(line: Filled, remove: tuple[str, ...]) -> None:
    """An unknown contact ends with 1 and a sentence."""
    result = line.run("tag", "7", "x", *remove)

    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, "Error: There is no contact 7.")


# ---- reactions


def react(line: Filled) -> list[int]:
    """Answer KEVIN, let him and others text, and return the IDs of the reactions."""
    line.text("too early")
    line.judge(1)
    line.send()
    reactions = [line.text("Désolé !"), line.text("Connard \x1b[2J"), line.text("?")]
    line.text("not answered", sender=LEA)
    line.call(KEVIN)
    line.text("too late")
    line.db.connection.execute("UPDATE contacts SET received_at = '2026-11-25T22:06:00.001Z' WHERE text = 'too late'")
    return reactions


def test_a_reaction_comes_within_a_day_after_an_answer(line: Filled) -> None:
    """Untagged texts from the answered number count."""
    first, *others = react(line)

    assert [*queue(line.db)] == [*others[::-1], first]
    line.run("tag", str(first), "apology")
    assert [*queue(line.db)] == others[::-1]


def walk(line: Filled, *keys: str, arguments: tuple[str, ...] = (), meanwhile: Callable[[], object] = bool) -> str:
    """Run `review` on a terminal, press a key at each question, and return its output.

    `meanwhile` is called before the first key.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hotlined", "--config", str(line.config), "review", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as asking:
        os.close(theirs)
        shown = b""
        try:
            for number, key in enumerate(keys, 1):
                while shown.count(b"q=quit: ") < number:
                    shown += _read(ours)
                wait_until(lambda: not termios.tcgetattr(ours)[3] & termios.ICANON, "reading of single keys")
                if number == 1:
                    meanwhile()
                os.write(ours, key.encode())
            with suppress(OSError):  # the end of a pseudo-terminal
                while octets := _read(ours):
                    shown += octets
        except BaseException:
            asking.kill()
            raise
        finally:
            os.close(ours)
    assert asking.returncode == 0, shown
    return shown.decode().replace("\r\n", "\n")


def _read(screen: int) -> bytes:
    assert select.select([screen], [], [], PATIENCE_SECONDS)[0], "nothing is shown any more"
    return os.read(screen, 4096)


def test_reactions_are_tagged_with_single_keys(line: Filled) -> None:
    """Each text is shown harmless, below what went before; each key acts at once."""
    third, second, first = react(line)
    shown = walk(line, "a", "i", "s")

    assert re.sub("(c'est non\\.)[^?]*", r"\1\n", shown).splitlines()[:5] == [
        f"3 left: contact {first}, {moment('2026-11-24T22:12:00.000Z')}, {KEVIN}",
        "before         too early",
        "answer         Non, c'est non.",
        "?",
        "a=apology i=insult t=threat o=other k=keep s=skip u=undo q=quit: apology",
    ]
    assert r"Connard \x1b[2J" in shown
    assert shown.endswith("skip\n\n2 reactions tagged, 1 left.\n")
    assert [tags(line)[contact - 1] for contact in (first, second, third)] == [["apology"], ["insult"], []]


def test_what_went_before_is_shown_where_nothing_was_answered(line: Filled) -> None:
    """A text of another person is nothing that went before."""
    line.call(LEA)
    line.text("Salut")
    line.text("je te tue", sender=LEA)
    shown = walk(line, "s", "q", arguments=("--all",))

    assert "before         (call)\nje te tue\n" in shown
    assert (shown.count("before  "), shown.count("answer  ")) == (1, 0)


def test_an_unknown_key_lists_the_keys(line: Filled) -> None:
    """Nothing is tagged."""
    react(line)
    shown = walk(line, "x", "q")

    assert "'x' is not a key here.\na=apology i=insult" in shown
    assert shown.endswith("quit\n\n0 reactions tagged, 3 left.\n")


@pytest.mark.parametrize("quitting", ["q", "\x03", "\x04"])
def test_the_last_keys_can_be_undone(line: Filled, quitting: str) -> None:
    """Each u goes one back; q, Ctrl-C and Ctrl-D end the review."""
    _, second, first = react(line)
    shown = walk(line, "u", "i", "s", "u", "u", "a", "o", quitting)

    assert shown.endswith("quit\n\n2 reactions tagged, 1 left.\n")
    assert [tags(line)[contact - 1] for contact in (first, second)] == [["apology"], ["other"]]
    assert [word for (word,) in line.db.connection.execute("SELECT word FROM events WHERE kind = 'untag'")] == [
        "insult"
    ]


def test_keys_can_have_other_words(line: Filled) -> None:
    """`--key` gives a key another word, or a new key a word."""
    _, second, first = react(line)
    shown = walk(line, "e", "a", "q", arguments=("--key", "e=excuses", "--key", "a=Amour"))

    assert "a=amour i=insult t=threat o=other e=excuses k=keep s=skip" in shown
    assert [tags(line)[contact - 1] for contact in (first, second)] == [["excuses"], ["amour"]]


def test_a_contact_erased_meanwhile_is_skipped(line: Filled) -> None:
    """The text alone may be erased, too."""
    third, second, first = react(line)

    def erase() -> None:
        line.db.connection.execute("DELETE FROM contacts WHERE id = ?", (second,))
        line.db.connection.execute("UPDATE contacts SET text = NULL WHERE id = ?", (third,))

    shown = walk(line, "a", meanwhile=erase)

    assert shown.count(": contact ") == shown.count(f": contact {first},") == 1
    assert shown.endswith("1 reaction tagged, 0 left.\n")


def test_the_key_k_keeps_and_asks_again(line: Filled) -> None:
    """The key u never takes back this keeping."""
    _, second, first = react(line)
    shown = walk(line, "k", "t", "k", "u", "i", "q")

    assert f"contact {first}, {moment('2026-11-24T22:12:00.000Z')}, {KEVIN}, kept\n" in shown
    stays = f"Contact {second} stays kept; `hotlined --config {line.config} keep {second} --undo` ends that."
    assert stays in " ".join(shown.split())
    assert shown.endswith("quit\n\n2 reactions tagged, 1 kept, 1 left.\n")
    assert [tags(line)[contact - 1] for contact in (first, second)] == [["threat"], ["insult"]]
    assert {second, first} < {*kept(line)}
    assert not line.db.value("SELECT count(*) FROM events WHERE kind = 'unkeep'")


def test_the_key_t_keeps(line: Filled) -> None:
    """The key u takes that back."""
    third, second, first = react(line)
    shown = walk(line, "k", "t", "u", "i", "t", "u", "i", "o")

    assert shown.endswith("3 reactions tagged, 1 kept, 0 left.\n")
    assert [tags(line)[contact - 1] for contact in (third, second, first)] == [["other"], ["insult"], ["insult"]]
    assert kept(line) == [first]


def test_a_kept_contact_stays_kept(line: Filled) -> None:
    """The output says who kept it; k, u and `keep` change nothing."""
    *_, first = react(line)
    decisions.keep(line.db, first, "anna", line.now())
    before = line.db.the("SELECT kept_at, kept_by FROM contacts WHERE id = ?", first)
    shown = walk(line, "k", "u", "q")
    again = line.run("keep", str(first))

    said = f"Contact {first} is kept already, by anna since {moment(before['kept_at'])}."
    assert said in shown
    assert again.stdout == f"{said}\n"
    assert tuple(line.db.the("SELECT kept_at, kept_by FROM contacts WHERE id = ?", first)) == tuple(before)
    assert line.db.value("SELECT count(*) FROM events WHERE kind LIKE '%keep'") == 1


def kept(line: Filled) -> list[int]:
    """Return the contacts that are kept."""
    return [contact["id"] for contact in line.log("--kept")]


def test_a_threat_keeps_what_its_number_wrote_before(line: Filled) -> None:
    """Its keep covers 30 days; Undo takes back what that tap kept, and no other."""
    old, before, explicit, other, threat = (line.text(sender=each) for each in (KEVIN, KEVIN, KEVIN, LEA, KEVIN))
    with line.db.transaction():
        line.db.execute("UPDATE contacts SET received_at = '2026-10-24T00:00:00.000Z' WHERE id = ?", old)
    decisions.keep(line.db, explicit, "pi", line.now())
    decisions.tag(line.db, threat, "threat", "anna", line.now())
    assert (other in kept(line), kept(line)) == (False, [before, explicit, threat])
    assert f"keep with contact {threat} by anna" in line.run("show", str(before)).stdout

    later = line.text()
    decisions.tag(line.db, later, "threat", "lea", line.now())
    decisions.untag(line.db, later, "threat", "lea", line.now(), undo=True)
    assert kept(line) == [before, explicit, threat]
    decisions.untag(line.db, threat, "threat", "anna", line.now(), undo=True)
    assert kept(line) == [explicit]


def test_an_undone_threat_leaves_what_another_threat_keeps(line: Filled) -> None:
    """The second tag found the texts kept already."""
    before, first, second = (line.text() for _ in range(3))
    for threat in (first, second):
        decisions.tag(line.db, threat, "threat", "anna", line.now())
    decisions.untag(line.db, first, "threat", "anna", line.now(), undo=True)
    assert kept(line) == [before, first, second]


@pytest.mark.parametrize("more", ["tag", "keep", "evidence", "another"])
def test_an_undone_threat_stays_kept_if_more_was_decided(line: Filled, more: str) -> None:
    """The keeping is then not only that tag's."""
    line.text()
    db, now = line.db, line.now()
    decisions.tag(db, 1, "threat", "anna", now)
    {
        "tag": lambda: decisions.tag(db, 1, "joke", "anna", now),
        "keep": lambda: (decisions.keep_no_more(db, 1, "pi", now), decisions.keep(db, 1, "anna", now)),
        "evidence": lambda: decisions.keep_all(db, KEVIN, "pi", now),
        "another": bool,
    }[more]()
    decisions.untag(db, 1, "threat", "pi" if more == "another" else "anna", now, undo=True)

    assert ["threat"] not in tags(line)
    assert line.db.value("SELECT kept_by FROM contacts") == "anna"


def test_all_offers_first_contacts_too(line: Filled) -> None:
    """Texts without an answer before them are shown, but no calls."""
    react(line)
    line.run("tag", "2", "apology")
    line.db.connection.execute("UPDATE contacts SET originator = NULL WHERE id = 5")
    shown = walk(line, "s", "k", "t", "s", "s", "t", arguments=("--all",))

    head = f"5 left: contact 7, {moment(line.log()[6]['received_at'])}, {KEVIN}\n"
    assert shown.startswith(f"{head}before         too early\n")
    assert f"contact 5, {moment(line.log()[4]['received_at'])}, withheld, kept\n" in shown
    assert shown.endswith("2 texts tagged, 5 kept, 3 left.\n")
    assert [(contact["id"], contact["tags"]) for contact in line.log("--tag", "threat")] == [
        (1, ["threat"]),
        (5, ["threat"]),
    ]


def test_review_without_reactions_ends_at_once(line: Filled) -> None:
    """The output says that none is left."""
    assert walk(line) == "0 reactions tagged, 0 left.\n"
