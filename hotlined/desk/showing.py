"""Functions and values for the templates of the desk: sentences, dates, and the facts that every page shows.

Every value that a template shows is made harmless here, so that no template can forget it.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from typing import Any

from flask import g
from markupsafe import Markup, escape

from hotlined.config import Role
from hotlined.desk import forms
from hotlined.desk.band import Band, band_of
from hotlined.desk.icons import icon
from hotlined.desk.notices import Notice
from hotlined.desk.plain import is_named, trouble_in_plain_words, whom_to_ask, without_commands
from hotlined.desk.routes import ROLES
from hotlined.desk.visit import desk, line, line_report, maybe_visitor, notice_of, reading, visitor
from hotlined.errors import StoreError
from hotlined.language import N_, NP_, Phrases, _, in_digits, spoken, unfilled, unfilled_plural
from hotlined.reports.contact import sender
from hotlined.reports.trouble import Trouble
from hotlined.states import ContactKind
from hotlined.store.reading import review
from hotlined.store.reading.review import Waiting
from hotlined.words.countries import HELPLINES
from hotlined.words.harmless import harmless
from hotlined.words.tags import TAG_KEYS, tag_in_words
from hotlined.words.times import day_said, lately, of_day

_SAID_KINDS: Phrases[str] = Phrases(
    {
        ContactKind.CALL: N_("Call"),
        ContactKind.MMS: N_("Photo message; the photo is not fetched"),
        ContactKind.DATA: N_("Message for an app"),
        ContactKind.SERVICE: N_("Message of the network"),
        ContactKind.UNREADABLE: N_("Message that cannot be read"),
    }
)
"""The words in the place of the text, for contacts without one."""
_SIGNS: Mapping[str, str] = {ContactKind.CALL: "call", ContactKind.MMS: "picture"}
"""The icons of contacts without a text."""
_PHONE_NUMBER = re.compile(r"\+?\d[\d ./-]{4,18}\d")


def shown(value: Any) -> Any:
    """Make a value that a template shows harmless; HTML made by this program (`__html__`) stays."""
    return harmless(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _sentence(message: str, /, **places: Any) -> Markup:
    """Return a sentence for a template in the current language; the values in it are escaped and harmless."""
    return _filled(unfilled(message), places)


def _phrase(context: str, message: str, /, **places: Any) -> Markup:
    """Return a phrase that has several translations by its context; otherwise as `_sentence`."""
    return _filled(unfilled(NP_(context, message)), places)


def _plural_sentence(one: str, several: str, number: int, /, **places: Any) -> Markup:
    """Return the sentence for a number of things, as `_sentence` does; `{number}` is that number."""
    return _filled(unfilled_plural(one, several, number), {"number": in_digits(number), **places})


def _filled(message: str, places: Mapping[str, object]) -> Markup:
    sentence = escape(message)
    return sentence.format(**{name: shown(value) for name, value in places.items()}) if places else sentence


def _cut(text: str, most: int) -> str:
    """Return the beginning of a long text, for a list."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _by_day(rows: Iterable[Any], at: str = "received_at") -> Iterator[tuple[str, list[Any]]]:
    """Yield rows by day, each with the day as people say it; `at` is the field that has the moment."""
    for said, group in groupby(rows, lambda row: day_said(row[at] if isinstance(row, dict) else getattr(row, at))):
        yield said, [*group]


def _trouble(trouble: Trouble) -> Markup:
    """Return a trouble as HTML; in plain words for a visitor without a terminal."""
    return _prose(trouble.words) if _has_terminal() else escape(harmless(trouble_in_plain_words(trouble)))


def _for_visitor(text: str) -> Markup:
    """Return a sentence of ours as HTML; for a visitor without a terminal, with the person to ask, not commands."""
    if _has_terminal():
        return _prose(text)
    kept, ask = without_commands(text), _("Ask {person}.", person=whom_to_ask(line()))
    return _reachable(kept if kept == text else f"{kept} {ask}".strip())


def _prose(text: str) -> Markup:
    """Return a sentence of ours as HTML; the parts between backticks become code."""
    parts = harmless(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )


def _form_token() -> str:
    return forms.token(desk().key, visitor().name, line().name)


def _has_terminal() -> bool:
    """Tell whether the visitor reads cures as commands: everybody but the people whom a proxy names.

    True also for the admin whom `web.ask` names, who has nobody to ask, and while the visitor is unknown: it is then
    the person who sets the desk up.
    """
    visitor = maybe_visitor()
    return visitor is None or not visitor.by_proxy or _is_asked()


def _is_asked() -> bool:
    """Tell whether the visitor is the admin whom `web.ask` names."""
    visitor = maybe_visitor()
    return visitor is not None and visitor.role is Role.ADMIN and is_named(line(), visitor.name)


def _helplines() -> tuple[str, ...]:
    """Return the numbers to call if somebody speaks of killing himself, where the line is."""
    return HELPLINES.get(line().numbers.country, ())


def _web_ask() -> str | None:
    return line().web.ask


def _whom_to_ask() -> Markup:
    return _reachable(whom_to_ask(line()))


def _reachable(text: str) -> Markup:
    """Return a sentence of ours as HTML; tapping the phone number of `web.ask` in it makes a call."""
    written = escape(harmless(text))
    number = _PHONE_NUMBER.search(line().web.ask or "")
    if number is None:
        return written
    link = Markup('<a class="tel" href="tel:{}">{}</a>').format(re.sub(r"[^+\d]", "", number[0]), number[0])
    return written.replace(escape(number[0]), link)


def _maybe_band() -> Band | None:
    """Return the band of the line; None on the page about a bug, because the bug may be in the band."""
    return None if maybe_visitor() is None or g.get("has_bug") else band_of(line_report(), calls=not _is_asked())


def _maybe_notice() -> Notice | None:
    visitor = maybe_visitor()
    return notice_of(visitor) if visitor else None


def _maybe_waiting() -> Waiting | None:
    """Return what waits for a person, if this visitor may read it; None if not, or if the database fails."""
    visitor = maybe_visitor()
    if visitor is None or not visitor.role.may(Role.VOLUNTEER) or g.get("has_bug"):
        return None
    with suppress(StoreError, sqlite3.Error), reading() as db:
        return review.waiting(db, line().web.others)
    return None


FILTERS: Mapping[str, Callable[..., Any]] = {
    "cut": _cut,
    "days": _by_day,
    "for_visitor": _for_visitor,
    "lately": lately,
    "of_day": of_day,
    "prose": _prose,
    "reachable": _reachable,
    "sender": sender,
    "tag": tag_in_words,
    "trouble": _trouble,
}
GLOBALS: Mapping[str, object] = {
    "form_token": _form_token,
    "maybe_band": _maybe_band,
    "maybe_notice": _maybe_notice,
    "maybe_visitor": maybe_visitor,
    "maybe_waiting": _maybe_waiting,
    "has_terminal": _has_terminal,
    "icon": icon,
    "helplines": _helplines,
    "web_ask": _web_ask,
    "whom_to_ask": _whom_to_ask,
    "form_field": forms.FIELD,
    "language": spoken,
    "roles": ROLES,
    "said_kinds": _SAID_KINDS,
    "signs": _SIGNS,
    "tag_keys": TAG_KEYS,
    "in_digits": in_digits,
    "_": _sentence,
    "ngettext": _plural_sentence,
    "pgettext": _phrase,
}
"""The functions and values for the templates; `hotlined.desk.app` adds the navigation."""
