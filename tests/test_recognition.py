"""Texts that opt out, in four languages, and texts that do not."""

import pytest
from oracle import opts_out as oracle_says

from hotlined.policy import Numbers
from hotlined.recognition import opts_out

WORDS = Numbers().opt_out_words
STOPS = (
    *("stop", "Stop", "STOP", "sToP", "stop.", "STOP!", "Stop !!!", "stop...", "« stop »", '"Stop"', "stop?"),
    *("STOP ???", "s t o p", "S.T.O.P.", "s-t-o-p", "S_T_O_P", " stop ", "\nstop\n", "stop\tstop"),
    *("stop stop stop", "STOPSTOP", "stop 🛑", "🛑🛑 STOP 🛑🛑", "👋 stop", "stop 👍", "stop 1", "1 stop"),
    *("STOP 07", "stop :-)", "ＳＴＯＰ", "𝗦𝗧𝗢𝗣", "ⓢⓣⓞⓟ", "arret", "Arrêt", "ARRÊT !", "arrét", "Arre\u0302t"),
    *("arrêtez", "Arretez svp", "arrêtez s'il vous plaît !", "stop arrêt", "Stop svp", "stp stop"),
    *("STOP, s’il te plaît", "SMS STOP", "stop sms", "stop merci", "Merci. Stop. Merci.", "svp svp stop"),
    *("stoppen", "Stoppen aub", "stoppen alstublieft!", "Stoppen, alsjeblieft", "AUB STOPPEN", "stop aub"),
    *("stopp", "Stopp bitte", "Bitte stoppen!", "stopp, danke", "please stop", "Stop, please. Thanks!"),
    "stop thanks",
)
OTHERS = (
    *("", " ", "?", "!!!", "07", "0470 12 34 56", "👍", "🛑", ":-)", "\n", "...", "1", "merci", "please"),
    *("sms", "svp", "stp", "aub", "bitte", "thanks danke", "s'il vous plaît", "sms svp merci", "stop ça"),
    *("stop pas", "ne stop pas", "stop à tout", "au stop à droite", "je fais du stop", "pourquoi stop ?"),
    *("non stop", "nonstop", "stop toi-même", "stop stalking me", "ne t'arrête pas, stop", "stop it"),
    *("don't stop", "full stop ahead", "arrête", "arrête de m'écrire", "arrêt de bus", "mandat d'arrêt"),
    *("arrêter", "arrêts", "sans arrêt", "tu t'arrêtes où ?", "stooop", "sstop", "stoop", "stopppp", "sto"),
    *("top", "stp top", "tsop", "stops", "stopper", "stopt u?", "stoppe", "niet stoppen", "stoppen met roken"),
    *("kan je stoppen?", "waarom stoppen", "nicht stoppen", "Stoppschild", "stopp mal", "bitte nicht"),
    *("unstoppable", "stopwatch", "autostop", "ok merci stop ça", "stopsign", "réponds"),
)


def test_the_tables_are_long_enough() -> None:
    """Each table has sixty texts, none twice."""
    assert len(set(STOPS)) == len(STOPS) >= 60
    assert len(set(OTHERS)) == len(OTHERS) >= 60


@pytest.mark.parametrize("text", STOPS)
def test_every_spelling_of_stop_opts_out(text: str) -> None:
    """Polite words, repetitions and anything but letters between change nothing."""
    assert opts_out(text, WORDS)
    assert oracle_says(text, WORDS)


@pytest.mark.parametrize("text", OTHERS)
def test_other_words_do_not_opt_out(text: str) -> None:
    """Such a text must not silence its sender for good."""
    assert not opts_out(text, WORDS)
    assert not oracle_says(text, WORDS)
    assert not opts_out(text, ())


def test_a_long_text_is_searched_once() -> None:
    """One wrong letter after ten thousand words costs linear time."""
    assert opts_out("stop " * 10_000, WORDS)
    assert not opts_out("stop " * 10_000 + "x", WORDS)


def test_a_configured_word_without_a_letter_matches_nothing() -> None:
    """An older configuration may have such a word."""
    assert not opts_out("", ("07",))
    assert not opts_out("07", ("07", "!"))
