"""Texts that opt out, in four languages, and texts that do not."""

import pytest
from oracle import opts_out as oracle_says

from hotlined.rules.recognition import opts_out

STOPS = (
    *("stop", "Stop", "STOP", "sToP", "stop.", "STOP!", "Stop !!!", "stop...", "« stop »", '"Stop"', "stop?"),
    *("STOP ???", "s t o p", "S.T.O.P.", "s-t-o-p", "S_T_O_P", " stop ", "\nstop\n", "stop\tstop"),
    *("stop stop stop", "STOPSTOP", "STOP.STOP", "stop 🛑", "🛑🛑 STOP 🛑🛑", "👋 stop", "stop 👍", "stop 1", "1 stop"),
    *("STOP 07", "STOP 36111", "stop :-)", "ＳＴＯＰ", "𝗦𝗧𝗢𝗣", "ⓢⓣⓞⓟ", "stop\u200b", "arret", "Arrêt", "ARRÊT !"),
    *("arrét", "Arre\u0302t", "arrête", "Arrêtes", "ARRETE", "arrêter", "ARRETER", "arrête stp", "arrêtez"),
    *("Arretez svp", "arrêtez s'il vous plaît !", "stop arrêt", "Stop svp", "stp stop", "stop 🙏"),
    *("STOP, s’il te plaît", "SMS STOP", "stop sms", "stop-sms", "stop sms 8600", "stop merci", "Merci. Stop. Merci."),
    *("svp svp stop", "stop svp merci", "STOP merci beaucoup", "ok stop", "oui stop", "non stop", "nonstop"),
    *("stop désolé", "Désolée, stop", "désolé stop", "stop pardon", "Sorry stop", "stoppez", "Stoppe", "unsubscribe"),
    *("désabonner", "Désinscrire", "afmelden", "hou op", "Hou op aub!", "stop ermee", "Stop ermee, alsjeblieft"),
    *("stoppen", "Stoppen aub", "stoppen alstublieft!", "Stoppen, alsjeblieft", "AUB STOPPEN", "stop aub"),
    *("stopp", "Stopp bitte", "Bitte stoppen!", "stopp, danke", "please stop", "Stop, please. Thanks!"),
    *("stop please", "stop thanks", "stop s'il te plaît"),
)
OTHERS = (
    *("", " ", "?", "!!!", "07", "0470 12 34 56", "👍", "🛑", ":-)", "\n", "...", "1", "merci", "please", "non", "ok"),
    *("sms", "svp", "stp", "aub", "bitte", "thanks danke", "s'il vous plaît", "sms svp merci", "stop ça", "non merci"),
    *("stop pas", "ne stop pas", "stop à tout", "au stop à droite", "je fais du stop", "pourquoi stop ?", "désolé"),
    *("stop toi-même", "stop stalking me", "ne t'arrête pas, stop", "stop it", "stop texting me", "stop c'est bon"),
    *("don't stop", "full stop ahead", "arrête de m'écrire", "arrêtez de m'écrire", "arrêt de bus", "mandat d'arrêt"),
    *("arrêts", "sans arrêt", "tu t'arrêtes où ?", "ok j'arrête", "stooop", "sstop", "stoop", "stopppp", "sto"),
    *("top", "stp top", "tsop", "stops", "stopper", "stopt u?", "stopez", "niet stoppen", "stoppen met roken"),
    *("kan je stoppen?", "waarom stoppen", "nicht stoppen", "Stoppschild", "stopp mal", "bitte nicht", "stop maar"),
    *("unstoppable", "stopwatch", "autostop", "ok merci stop ça", "stopsign", "réponds", "désinscription", "fin"),
    *("stop\nEnvoyé de mon iPhone", "st0p", "stop monsieur", "stop madame", "ne m'écris plus", "stuur niets meer"),
    *("laissez-moi tranquille", "je ne veux plus de messages", "halt", "aufhören", "قف", "توقف", "стоп", "hou"),
)


def test_the_tables_are_long_enough() -> None:
    """Each table has sixty texts, none twice."""
    assert len(set(STOPS)) == len(STOPS) >= 60
    assert len(set(OTHERS)) == len(OTHERS) >= 60


@pytest.mark.parametrize("text", STOPS)
def test_every_spelling_of_stop_opts_out(text: str) -> None:
    """Polite words, repetitions and anything but letters between change nothing."""
    assert opts_out(text, ())
    assert oracle_says(text, ())


@pytest.mark.parametrize("text", OTHERS)
def test_other_words_do_not_opt_out(text: str) -> None:
    """Such a text must not silence its sender for good."""
    assert not opts_out(text, ())
    assert not oracle_says(text, ())


def test_configured_words_are_added() -> None:
    """None of them switches the known ones off."""
    for says in (opts_out, oracle_says):
        assert all(says(text, ("Basta!", "ça suffit")) for text in ("BASTA svp", "ca suffit, stop", "hou op"))
        assert not says("assez", ("Basta!", "ça suffit"))


def test_a_long_text_is_searched_once() -> None:
    """One wrong letter after ten thousand words costs linear time."""
    assert opts_out("stop " * 10_000, ())
    assert not opts_out("stop " * 10_000 + "x", ())


def test_a_configured_word_without_a_letter_matches_nothing() -> None:
    """An older configuration may have such a word."""
    assert not opts_out("", ("07",))
    assert not opts_out("07", ("07", "!"))
