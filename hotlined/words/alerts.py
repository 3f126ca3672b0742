"""Headline and text of each alert: one pair each for a condition that begins, gets worse or ends.

Names in braces are filled in. A text message can carry every sentence: GSM-7 has its letters, or substitutes for
them.
"""

from collections.abc import Mapping

from hotlined import conditions
from hotlined.language import N_, _, in_digits, ngettext
from hotlined.policy import WaitingFor
from hotlined.states import AlertCondition, maybe_country
from hotlined.words.countries import country_in_words, country_outage_in_words

_AS_IT_IS = ("{title}", "{words} {cure}")

_SPENT_80 = N_("{used} of {limit} segments are spent. 'hotlined pause' stops all answers.")
_SPENT_ALL = N_(
    "{used} of {limit} segments are spent. Answers wait until the window has room, or are cancelled as stale."
)
_SPENT = N_("{used} of {limit} segments are spent.")
_WORDS = N_("{count} texts have a word of alerts.words")

TEXTS: Mapping[tuple[str, int], tuple[str, str]] = {
    (AlertCondition.MODEM, 1): ("{title}", "{cure}"),
    (AlertCondition.MODEM, 2): ("{title}", "{cure}"),
    (AlertCondition.MODEM, 0): (N_("the modem is ready"), N_("Texts are received and answered again.")),
    (AlertCondition.FLOOD, 1): (
        N_("a flood of texts"),
        N_("{contacts}. The limits bound what it can cost; 'hotlined pause' stops all answers."),
    ),
    (AlertCondition.FLOOD, 0): (N_("the flood is over"), N_("It brought {contacts}.")),
    (AlertCondition.CREDIT, 1): _AS_IT_IS,
    (AlertCondition.CREDIT, 0): (N_("the SIM can pay again"), N_("Answers go out: an answer was taken.")),
    (AlertCondition.OUTAGE, 1): _AS_IT_IS,
    (AlertCondition.OUTAGE, 0): (
        N_("answers go out again"),
        N_("Waiting answers go out by themselves: the network took one."),
    ),
    (AlertCondition.COUNTRY, 1): ("{title}", "{cure}"),
    (AlertCondition.COUNTRY, 2): ("{title}", "{cure}"),
    (AlertCondition.COUNTRY, 0): (
        N_("answers to {country} do not wait any more"),
        N_("Answers leave again, or the country is no longer in numbers.answer_countries."),
    ),
    (AlertCondition.BALANCE, 1): (
        conditions.CREDIT_LOW.title_message,
        N_("{balance} is left. Top the SIM up."),
    ),
    (AlertCondition.BALANCE, 0): (N_("the balance is fine again"), N_("{balance} is left.")),
    (AlertCondition.KEY, 1): ("{title}", "{cure}"),
    (AlertCondition.KEY, 2): ("{title}", "{cure}"),
    (AlertCondition.KEY, 0): (N_("the key of the pseudonyms can be used again"), N_("Answers go out again.")),
    (AlertCondition.PAUSED, 1): ("{title}", N_("Since {since}: {words} {cure}")),
    (AlertCondition.PAUSED, 0): (N_("the pause is over"), N_("Answers go out again.")),
    (AlertCondition.DISK, 1): (conditions.DISK_LOW.title_message, N_("{free} MB are left. {cure}")),
    (AlertCondition.DISK, 0): (N_("the disk has room again"), N_("{free} MB are free where the database is.")),
    (AlertCondition.CONFIG, 1): ("{title}", "{cure}"),
    (AlertCondition.CONFIG, 0): (N_("the configuration can be used again"), N_("Nothing is wrong with it any more.")),
    (AlertCondition.ANSWER, 1): (
        conditions.ANSWER_EMPTY.title_message,
        N_("Nobody is answered. 'hotlined status' says what to write, and where."),
    ),
    (AlertCondition.ANSWER, 2): (
        conditions.ANSWER_REFUSED.title_message,
        N_("After a restart nobody is answered. 'hotlined text check' says what is wrong."),
    ),
    (AlertCondition.ANSWER, 0): (N_("the answer is fine again"), N_("It has a text that can be sent.")),
    (AlertCondition.DATABASE, 1): ("{title}", "{words}"),
    (AlertCondition.DATABASE, 0): (N_("the database is fine again"), N_("Texts are received and answered again.")),
    (AlertCondition.SIM_LIFE, 1): ("{title}", N_("On {end} its number is lost. {cure}")),
    (AlertCondition.SIM_LIFE, 2): ("{title}", N_("On {end} its number is lost. {cure}")),
    (AlertCondition.SIM_LIFE, 3): ("{title}", N_("On {end} its number is lost. {cure}")),
    (AlertCondition.SIM_LIFE, 4): ("{title}", "{cure}"),
    (AlertCondition.SIM_LIFE, 0): (N_("the SIM's life counts from the beginning"), "{words}"),
    (AlertCondition.WORDS, 1): (
        N_("a text has a word of alerts.words"),
        N_("It is contact {id}, since {since}. 'hotlined show {id}' shows it."),
    ),
    (AlertCondition.WORDS, 2): (_WORDS, N_("Contacts {ids}, since {since}. 'hotlined review' shows them.")),
    (AlertCondition.WORDS, 3): (
        _WORDS,
        N_("Contacts {ids} and more, since {since}. 'hotlined review' shows them."),
    ),
    (AlertCondition.TOLD, 1): (
        N_("somebody asks you to look at a text"),
        N_("{by} asks: look at contact {ids}. 'hotlined show {id}' shows it."),
    ),
    (AlertCondition.TOLD, 2): (
        N_("somebody asks you to look at a text"),
        N_("{by} asks: look at contacts {ids}. 'hotlined show {id}' shows the first."),
    ),
    (AlertCondition.TOLD, 3): (
        N_("somebody asks you to look at a text"),
        N_("{by}: contact {ids}. An answer waits: 'hotlined cancel {id}'."),
    ),
    (AlertCondition.TOLD, 4): (
        N_("somebody asks you to look at a text"),
        N_("{by}: contacts {ids}. An answer waits: 'hotlined cancel {id}'."),
    ),
    (AlertCondition.SELFTEST, 1): ("{title}", "{cure}"),
    (AlertCondition.SELFTEST, 0): (N_("the line hears itself again"), N_("A text to itself has come back.")),
    (AlertCondition.SILENCE, 1): ("{title}", "{words} {cure}"),
    (AlertCondition.RECEPTION, 1): ("{title}", "{cure}"),
    (AlertCondition.RECEPTION, 2): ("{title}", N_("'hotlined status' says where, and what helps.")),
    (AlertCondition.RECEPTION, 0): (N_("texts come in again"), N_("Nothing keeps them away any more.")),
    (AlertCondition.TEXT_LOST, 1): ("{title}", N_("{words} 'hotlined status' says what helps.")),
    (AlertCondition.TEXT_LOST, 0): (N_("no text was lost any more"), N_("The last one that was came {last}.")),
    (AlertCondition.BACKUP, 1): ("{title}", "{cure}"),
    (AlertCondition.BACKUP, 0): (N_("the backup is recent again"), N_("It is of {made}.")),
    (AlertCondition.SILENCE, 0): (N_("something comes in again"), N_("The last contact came {last}.")),
    **{(AlertCondition.HUB, level): ("{title}", "{cure}") for level in range(1, len(conditions.FLEET) + 1)},
    (AlertCondition.HUB, 0): (N_("the hub is back"), N_("The lines share their decisions again.")),
    (AlertCondition.SEVERAL, 1): (
        N_("{count} things are wrong"),
        N_("'hotlined status' says what helps: {titles}."),
    ),
    (AlertCondition.TEST, 0): (N_("a test"), N_("Alerts of this line arrive here.")),
    (WaitingFor.BUDGET_HOUR, 80): (N_("80 % of the hour's budget"), _SPENT_80),
    (WaitingFor.BUDGET_DAY, 80): (N_("80 % of the day's budget"), _SPENT_80),
    (WaitingFor.BUDGET_MONTH, 80): (N_("80 % of the month's budget"), _SPENT_80),
    (WaitingFor.BUDGET_HOUR, 100): (N_("100 % of the hour's budget"), _SPENT_ALL),
    (WaitingFor.BUDGET_DAY, 100): (N_("100 % of the day's budget"), _SPENT_ALL),
    (WaitingFor.BUDGET_MONTH, 100): (N_("100 % of the month's budget"), _SPENT_ALL),
    (WaitingFor.BUDGET_HOUR, 0): (N_("the hour's budget has room again"), _SPENT),
    (WaitingFor.BUDGET_DAY, 0): (N_("the day's budget has room again"), _SPENT),
    (WaitingFor.BUDGET_MONTH, 0): (N_("the month's budget has room again"), _SPENT),
}
"""By condition and level (0: it is over). `title`, `words` and `cure` come from `conditions`."""


def alert_in_words(condition: str, level: int, filling: Mapping[str, object]) -> tuple[str, str]:
    """Return an alert's headline and text; commands are in quotes, because GSM-7 has no backticks."""
    places = {name: _place(name, value) for name, value in filling.items()}
    if condition == AlertCondition.CONFIG and level:
        known, then = conditions.CONFIG_BROKEN, _("reload the daemon, or start it")
        places |= {"title": known.title, "cure": known.cure.format(then=then)}
    if isinstance(contacts := filling.get("contacts"), int):
        places["contacts"] = _flood_in_words(contacts, filling["seconds"])
    if country := maybe_country(condition):
        condition = AlertCondition.COUNTRY
        title, _words, cure = country_outage_in_words(country, is_barred=level > 1)
        places |= {"title": title, "cure": cure, "country": country_in_words(country)}
    title, text = (_(message, **places).replace("`", "'") for message in TEXTS[condition, level])
    return title, text


def _place(name: str, value: object) -> object:
    if value is None:
        return "…"
    return in_digits(value) if isinstance(value, int) and name != "id" else value  # people type an ID


def _flood_in_words(contacts: int, seconds: object) -> str:
    """Write how many contacts a flood brought, and in how many seconds; without the seconds if `seconds` is None."""
    if seconds is None:
        return ngettext("{number} contact", "{number} contacts", contacts)
    return ngettext("{number} contact in {seconds} s", "{number} contacts in {seconds} s", contacts, seconds=seconds)
